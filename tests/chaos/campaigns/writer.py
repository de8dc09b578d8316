"""`python -m tests.chaos.campaigns.writer`: a launcher's writing loop without a database, to be killed.

Writes one launch of COUNT recipients from FILE's cursor on, prints a line of JSON for each thing it does,
and exits once all is written. With `--die STEP --at-chunk N` it kills itself at that step of its Nth chunk.
"""

import argparse
import asyncio
import json
import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from campaigns.launch.records import Blueprint, Content, Row, Span, make_jobs
from campaigns.launch.transaction import ClaimLostError, MarkedWriter
from campaigns.model.ids import SUBSCRIBER_END
from campaigns.model.marker import LaunchMarker
from tests.chaos.campaigns.cursors import LAUNCH, FileCursors
from tests.chaos.campaigns.fate import Fate, MortalCursors, mortal
from worker.config import KafkaSettings
from worker.records.envelope import Publication
from worker.records.notification import Notification
from worker.records.topics import JOBS, LAUNCHES
from worker.records.values import encode_json

STEPS = ("claimed", "begun", "sent", "committing", "committed", "kept")
"""Where it may die: before its first chunk, within a transaction, after a commit has been asked for, and on
either side of keeping the cursor."""

SLOT = 1
NAME = f"launch-{SLOT}"
START = datetime(2026, 11, 27, 9, tzinfo=UTC)

BLUEPRINT = Blueprint(
    launch_id=LAUNCH,
    site_id="site_1",
    content=lambda _: Content(Notification("Hello", "https://shop.example/")),
    tokens_of=None,
    stretch_time=3600.0,
    ttl=3600,
)


def subscriber(number: int, count: int) -> Row:
    """Return one of `count` subscribers; ids are spread evenly."""
    id_ = SUBSCRIBER_END * number // count
    endpoint = f"https://push.example/{number}"
    return Row(id_, endpoint, b"\x04" * 65, b"\0" * 16, "shop", "notification", None, None, {})


def chunk(marker: LaunchMarker, size: int, count: int) -> tuple[list[Publication], LaunchMarker]:
    """Make the records that follow a marker, and the next marker."""
    first = marker.written
    rows = [subscriber(number, count) for number in range(first, min(first + size, count))]
    end = rows[-1].id + 1 if first + size < count else SUBSCRIBER_END
    jobs = make_jobs(BLUEPRINT, rows, Span(marker.cursor + 1, end), START, marker.job)
    records = [Publication(JOBS, job.job_id.encode(), encode_json(job)) for job in jobs]
    written = LaunchMarker(
        launch_id=LAUNCH, cursor=end - 1, job=marker.job + len(jobs), written=first + len(rows)
    )
    return records, written


class MortalWriter(MarkedWriter):
    """May die within a transaction, and on either side of keeping its cursor."""

    def __init__(self, settings: KafkaSettings, cursors: FileCursors, fate: Fate) -> None:
        self._fate, self._mortal = fate, MortalCursors(cursors, fate)
        super().__init__(settings, NAME, SLOT, self._mortal)

    def _make_producer(self) -> Any:
        return mortal(super()._make_producer(), self._fate, self._mortal)


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def write_all(arguments: argparse.Namespace) -> None:
    settings = KafkaSettings(kafka_bootstrap_servers=arguments.broker, topic_prefix=arguments.prefix)
    fate = Fate(arguments.die, arguments.at_chunk)
    cursors = FileCursors(arguments.file)
    writer = MortalWriter(settings, cursors, fate)
    while cursors.newest().written < arguments.count:
        try:
            fate.chunk = 0
            await writer.claim()
            say(claimed=cursors.newest().written)
            fate.chunk = 1
            fate.reached("claimed")
            await write_chunks(writer, cursors, fate, arguments)
        except ClaimLostError as error:
            say(lost=str(error))
            await asyncio.sleep(random.random())
    await writer.release()


async def write_chunks(
    writer: MarkedWriter, cursors: FileCursors, fate: Fate, arguments: argparse.Namespace
) -> None:
    while (newest := cursors.newest()).written < arguments.count:
        records, marker = chunk(newest, arguments.size, arguments.count)
        await writer.write(records, Publication(LAUNCHES, LAUNCH.encode(), encode_json(marker)))
        say(written=marker.written)
        fate.chunk += 1


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("broker")
    parser.add_argument("prefix")
    parser.add_argument("file", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--size", type=int, default=5000, help="recipients a chunk")
    parser.add_argument("--die", choices=STEPS)
    parser.add_argument("--at-chunk", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    asyncio.run(write_all(parse()))
