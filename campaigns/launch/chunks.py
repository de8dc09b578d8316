"""The next chunk of a launch: read from PostgreSQL, and built before any transaction begins.

Decides how many recipients are written at once, and what the marker behind them says.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from campaigns.launch.parts import Part, part_after
from campaigns.launch.records import Blueprint, Row, Span, due_at, make_jobs
from campaigns.model.begun import begun, begun_key
from campaigns.model.ids import SUBSCRIBER_END
from campaigns.model.marker import LaunchMarker
from campaigns.store.database import Connection
from campaigns.store.launching import OpenLaunch
from campaigns.store.windows import Window, read_window, window_length
from worker.records.envelope import Publication
from worker.records.topics import JOBS, LAUNCHES
from worker.records.values import encode_json

CHUNK = 5_000
"""Recipients; a transaction costs some 25 ms whatever is in it."""


class Chunk(NamedTuple):
    """What is written in one transaction.

    Attributes:
        records: The jobs.
        marker: Says that they are written.
        begun: With the first ones, tells of the launch as it began.
        cursor: What the marker says.
        last_due_at: When the last of these recipients is due, as planned before any pause.
    """

    records: list[Publication]
    marker: Publication
    begun: tuple[Publication, ...]
    cursor: LaunchMarker
    last_due_at: datetime


def next_due(opened: OpenLaunch, parts: Sequence[Part]) -> datetime | None:
    """Return when the next recipient can be due, all pauses so far included; None if all are written."""
    part = part_after(parts, opened.cursor)
    if part is None:
        return None
    position = max(opened.cursor - part.first, 0)
    due = due_at(part.start_at, opened.launch.stretch_time, position)
    return due + timedelta(seconds=opened.launch.shift)


async def next_chunk(
    connection: Connection, opened: OpenLaunch, parts: Sequence[Part], blueprint: Blueprint
) -> Chunk | None:
    """Read and build what is to be written next; None if nobody is left.

    Of a part in which nobody is left there is a marker alone: the next part has a time of its own.
    """
    part = part_after(parts, opened.cursor)
    if part is None:
        return None
    rows, span = await _read(connection, opened, part, attributes=blueprint.shows_attributes)
    if not rows and part is parts[-1]:
        return None
    jobs = make_jobs(blueprint, rows, span, part.start_at, opened.job)
    cursor = LaunchMarker(
        launch_id=blueprint.launch_id,
        cursor=part.first + span.end,
        job=opened.job + len(jobs),
        written=opened.launch.written + len(rows),
    )
    return Chunk(
        [Publication(JOBS, job.job_id.encode(), encode_json(job)) for job in jobs],
        Publication(LAUNCHES, blueprint.launch_id.encode(), encode_json(cursor)),
        _begun(opened),
        cursor,
        due_at(part.start_at, blueprint.stretch_time, span.end),
    )


def _begun(opened: OpenLaunch) -> tuple[Publication, ...]:
    """Return what lets a database that was restored enter the launch again."""
    if opened.cursor >= 0:
        return ()
    value = encode_json(begun(opened.launch, opened.site_zone))
    return (Publication(LAUNCHES, begun_key(opened.launch.launch_id).encode(), value),)


async def _read(
    connection: Connection, opened: OpenLaunch, part: Part, *, attributes: bool
) -> tuple[list[Row], Span]:
    """Read a chunk's recipients, in as many statements as it takes, and the span that they stand for."""
    launch = opened.launch
    length = await window_length(connection, launch.site, launch.target)
    begin = position = max(opened.cursor - part.first, 0)
    rows: list[Row] = []
    while position < SUBSCRIBER_END:
        window = Window(position, min(position + length, SUBSCRIBER_END), CHUNK - len(rows))
        found = await read_window(
            connection, launch.site, launch.target, part.zones, window, attributes=attributes
        )
        rows += [Row(*columns) for columns in found]
        if len(rows) == CHUNK:
            return rows, Span(begin, rows[-1].id + 1)
        position = window.end
    return rows, Span(begin, SUBSCRIBER_END)
