"""`pushmill dead-letters`: lists, shows and replays what is in push.dead-letters.

Decides which letters a command line means, and what a replay says of how far it came. How letters look is up
to `letters_shown`, what they mean to `worker.records.letter`.
"""

import asyncio
import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import typer

from worker.commands import FAILED, MISUSED, complain, end, run_async
from worker.commands.letters_shown import json_line, line, number_of, summary, whole
from worker.config import KafkaSettings, load_kafka_settings
from worker.edges.kafka.client import KafkaStuckError, KafkaUnreachableError
from worker.edges.kafka.producer import RecordProducer
from worker.edges.kafka.scan import NoPartitionError, TopicScan
from worker.edges.kafka.topics import require_topics
from worker.records.letter import REPLAYED_TO, Letter, Position, Selection, read_letter
from worker.records.topics import DEAD_LETTERS

_POSITION = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")

Codes = Annotated[
    list[str] | None, typer.Option("--code", help="Only letters with this error-code; repeat it for several.")
]
Since = Annotated[
    str | None, typer.Option(help="Only letters written at this time or later, as 2026-11-21T09:00:00Z.")
]
Until = Annotated[str | None, typer.Option(help="Only letters written before this time.")]
Campaign = Annotated[str | None, typer.Option(help="Only letters of this campaign_id, if it can be read.")]
Begin = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="PARTITION:OFFSET",
        help="Begin at this letter of the partition; repeat it for other partitions.",
    ),
]

app = typer.Typer(
    help="List, show and replay dead letters: the records that were not valid jobs.", no_args_is_help=True
)


@app.command("list")
def list_letters(
    *,
    code: Codes = None,
    since: Since = None,
    until: Until = None,
    campaign: Campaign = None,
    begin: Begin = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")] = False,
) -> None:
    """List dead letters: position, time, error code, source, campaign, job, and what is wrong.

    The position, PARTITION:OFFSET in push.dead-letters, is what `show` takes.
    """
    meant = _selection(code, since, until, campaign)
    start = _begin(begin)
    codes: Counter[str] = Counter()
    cut = 0

    def show(letter: Letter) -> None:
        nonlocal cut
        codes[letter.code] += 1
        cut += letter.truncated_from is not None
        typer.echo(json_line(letter) if as_json else line(letter))

    run_async(_for_each(_settings(), meant, start, show))
    if not as_json:
        typer.echo(summary(codes, cut))


@app.command()
def show(
    position: Annotated[
        str, typer.Argument(metavar="PARTITION:OFFSET", help="Where the letter is; `list` prints it.")
    ],
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print the record's own bytes and nothing else, secrets included.")
    ] = False,
) -> None:
    """Show one dead letter, without endpoints, keys, variables and payload unless --raw is given.

    `pushmill dead-letters show 0:12 --raw | pushmill check -` says what is wrong with the job, and where.
    """
    letter = run_async(_read_one(_settings(), _position("PARTITION:OFFSET", position)))
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
    else:
        typer.echo("\n".join(whole(letter)))


@app.command()
def replay(
    *,
    code: Codes = None,
    since: Since = None,
    until: Until = None,
    campaign: Campaign = None,
    begin: Begin = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this, letters are only counted.")
    ] = False,
) -> None:
    """Produce dead letters again to the topics that they came from, for workers that can read them by now.

    Each goes out with its own key, value and headers. Letters stay where they are: replaying them twice sends
    twice what is valid by then. One that is still not a valid job becomes a new letter. One that was cut is
    left out. A job without start_at is due from now on.
    """
    settings = _settings()
    run_async(_replay(settings, _selection(code, since, until, campaign), _begin(begin), wanted=yes))


# ── what the command line means ─────────────────────────────────────────────────────────────────────────────


def _settings() -> KafkaSettings:
    return load_kafka_settings(os.environ)


def _selection(
    codes: list[str] | None, since: str | None, until: str | None, campaign: str | None
) -> Selection:
    return Selection(tuple(codes or ()), _moment("--since", since), _moment("--until", until), campaign)


def _moment(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        end(f"{option} should be a time with its zone, such as 2026-11-21T09:00:00Z", MISUSED)
    return found.timestamp()


def _position(option: str, text: str) -> Position:
    found = _POSITION.fullmatch(text)
    if found is None:
        end(f"{option} should be a partition and an offset, such as 0:12", MISUSED)
    return Position(int(found[1]), int(found[2]))


def _begin(texts: list[str] | None) -> dict[int, int]:
    positions = [_position("--from", text) for text in texts or ()]
    begin = {position.partition: position.offset for position in positions}
    if len(begin) < len(positions):
        end("--from names the same partition twice", MISUSED)
    return begin


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _scanned(settings: KafkaSettings, begin: Mapping[int, int]) -> AsyncIterator[TopicScan]:
    scan = TopicScan(settings, DEAD_LETTERS)
    try:
        await scan.start(begin)
        yield scan
    except NoPartitionError as error:
        end(str(error), MISUSED)
    finally:
        await scan.stop()


async def _batches(scan: TopicScan, meant: Selection) -> AsyncIterator[list[Letter]]:
    async for records in scan.batches():
        letters = [_letter(record) for record in records]
        yield [letter for letter in letters if meant.admits(letter)]


def _letter(record: Any) -> Letter:
    position = Position(record.partition, record.offset)
    return read_letter(position, record.timestamp / 1000, record.key, record.value, tuple(record.headers))


async def _for_each(
    settings: KafkaSettings, meant: Selection, begin: Mapping[int, int], take: Callable[[Letter], None]
) -> None:
    await require_topics(settings, DEAD_LETTERS)
    async with _scanned(settings, begin) as scan:
        async for letters in _batches(scan, meant):
            for letter in letters:
                take(letter)


async def _read_one(settings: KafkaSettings, position: Position) -> Letter:
    await require_topics(settings, DEAD_LETTERS)
    async with _scanned(settings, {position.partition: position.offset}) as scan:
        first, after = scan.bounds[position.partition]
        scan.only(position.partition)
        record = await _first(scan)
    if record is None or record.offset != position.offset:
        there = f"it holds {first} to {after - 1}" if first < after else "it holds none"
        end(f"there is no letter {position} in the partition: {there}", FAILED)
    return _letter(record)


async def _first(scan: TopicScan) -> Any:
    async for records in scan.batches():
        return records[0]
    return None


# ── replaying ───────────────────────────────────────────────────────────────────────────────────────────────


class _Progress:
    """How far a replay has come; its texts are for whoever has to go on with it."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.to: Counter[str] = Counter()
        self.cut = 0
        self.elsewhere = 0

    def leave_out(self, letter: Letter) -> None:
        """Count a letter that cannot be replayed."""
        if letter.truncated_from is None:
            self.elsewhere += 1
        else:
            self.cut += 1

    def counted(self) -> str:
        """Return what goes where, and what is left out."""
        to = ", ".join(f"{count:,} to {self._prefix}{topic}" for topic, count in self.to.items())
        left = (
            *((f"{number_of(self.cut, 'letter')} cut, so the record is gone",) if self.cut else ()),
            *((f"{number_of(self.elsewhere, 'letter')} from no topic of jobs",) if self.elsewhere else ()),
        )
        out = f"; left out: {', '.join(left)}" if left else ""
        return f"{number_of(self.to.total(), 'letter')}{f': {to}' if to else ''}{out}"


async def _replay(
    settings: KafkaSettings, meant: Selection, begin: Mapping[int, int], *, wanted: bool
) -> None:
    await require_topics(settings, DEAD_LETTERS, *REPLAYED_TO)
    progress = _Progress(settings.topic_prefix)
    async with _scanned(settings, begin) as scan:
        if wanted:
            async with _producing(settings) as producer:
                await _stepwise(scan, meant, progress, producer)
            typer.echo(f"replayed {progress.counted()}")
            typer.echo(f"to replay only what comes after, begin with: {_where(scan)}")
        else:
            await _stepwise(scan, meant, progress, None)
            again = "; run it again with --yes to do it" if progress.to else ""
            typer.echo(f"would replay {progress.counted()}{again}")


@asynccontextmanager
async def _producing(settings: KafkaSettings) -> AsyncIterator[RecordProducer]:
    producer = RecordProducer(settings, "pushmill-dead-letters")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _stepwise(
    scan: TopicScan, meant: Selection, progress: _Progress, producer: RecordProducer | None
) -> None:
    """Replay letters, or count them without a producer; one batch is acknowledged before the next is read."""
    try:
        async for letters in _batches(scan, meant):
            records = [(letter, letter.replay(scan.prefix)) for letter in letters]
            if producer is not None:
                await producer.publish(record for _, record in records if record is not None)
            for letter, record in records:
                if record is None:
                    progress.leave_out(letter)
                else:
                    progress.to[record.topic] += 1
    except (KafkaStuckError, KafkaUnreachableError) as error:
        if producer is None:
            raise
        end(f"{error}; {_stood(scan, progress)}", FAILED)
    except asyncio.CancelledError:
        if producer is not None:
            complain(_stood(scan, progress))
        raise


def _stood(scan: TopicScan, progress: _Progress) -> str:
    return (
        f"replayed {progress.counted()} before it stopped; go on with the same options and {_where(scan)} "
        "(records that Kafka had not acknowledged yet may be there twice)"
    )


def _where(scan: TopicScan) -> str:
    return " ".join(f"--from {Position(*each)}" for each in sorted(scan.positions.items()))
