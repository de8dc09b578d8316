"""Launches, as their launcher sees them: what is to be written, how far that is, what the worker is told.

Of a launch's two cursors, the newest marker in Kafka is right; the one in its row may be a chunk behind.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from campaigns.model.ids import LaunchId
from campaigns.model.launch import Launch
from campaigns.model.marker import LaunchMarker
from campaigns.store.database import Connection
from campaigns.store.launches import read_launch

OPEN = """
SELECT launch.*, coalesce(launch.zone, site.zone) AS site_zone,
    coalesce((site.defaults ->> 'sdk')::boolean, true) AS site_sdk,
    (SELECT coalesce(sum(count), 0)::bigint FROM launch_count AS c WHERE c.launch = launch.id) AS settled
FROM launch JOIN site ON site.id = launch.site
WHERE ($1::smallint IS NULL OR launch.slot = $1) AND launch.state = 'writing'
ORDER BY launch.id
"""
# Small sends, which a relay writes, have no cursor.
NEWEST = "SELECT coalesce(max(marker_offset), 0) FROM launch WHERE slot = $1 AND cursor >= 0"
# The campaign first, as whoever pauses or cancels it does; once it is sending, it is left alone.
LOCK_QUEUED = """
SELECT FROM campaign
WHERE id = (SELECT campaign FROM launch WHERE id = $1 AND nonce = $2) AND status = 'queued' FOR UPDATE
"""
KEEP = """
WITH kept AS (
    UPDATE launch SET cursor = $3, job = $4, written = $5, marker_offset = $6, moved_at = now()
    WHERE id = $1 AND nonce = $2 AND cursor < $3
    RETURNING campaign, written
)
UPDATE campaign SET status = 'sending', updated_at = now()
FROM kept WHERE campaign.id = kept.campaign AND campaign.status = 'queued' AND kept.written > 0
"""
LAST_DUE = "UPDATE launch SET last_due_at = greatest(last_due_at, $2) WHERE id = $1"
FINISH = """
UPDATE launch SET state = 'written', written_at = now(), last_due_at = coalesce(last_due_at, start_at)
WHERE id = $1 AND state = 'writing'
"""
# Whoever does not come back may be dead, or cut off from Kafka, and what they say may arrive out of date: as
# long as there is somebody like that, what is right is said again from time to time.
TELL = """
WITH due AS (
    SELECT id FROM launch
    WHERE control_due
        OR (tellers > 0 AND state <> 'done' AND told_at < now() - make_interval(secs => $1))
    ORDER BY id LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE launch SET tellers = tellers + 1, told_at = now() FROM due WHERE launch.id = due.id
RETURNING launch.*
"""
# Whoever has just said something that is out of date by now has still to say what is right.
TOLD = """
UPDATE launch SET tellers = tellers - 1,
    control_due = (wanted, wanted_at, shift) IS DISTINCT FROM ($2, $3, $4)
WHERE id = $1
"""

COUNTS = """
SELECT CASE WHEN wanted = 'paused' THEN 'paused' ELSE state END AS state, count(*) AS count
FROM launch WHERE state <> 'done' GROUP BY 1
"""
OLDEST = "SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::double precision FROM outbox"


class OpenLaunch(NamedTuple):
    """A launch that is being written.

    Attributes:
        launch: The launch.
        cursor: As in `LaunchMarker`.
        job: Number of the next job.
        settled: Recipients that have an outcome.
        site_zone: Where subscribers without a zone are: the site's zone when the launch began.
        site_sdk: Whether the site's service worker is ours.
        moved_at: When the cursor moved last; when the launch was made, if it never has.
    """

    launch: Launch
    cursor: int
    job: int
    settled: int
    site_zone: str
    site_sdk: bool
    moved_at: datetime


async def open_launches(connection: Connection, slot: int | None = None) -> list[OpenLaunch]:
    """List the launches of a slot, or of all, that are not written to their end, paused ones, too."""
    return [
        OpenLaunch(
            read_launch(row),
            *(row["cursor"], row["job"], row["settled"], row["site_zone"], row["site_sdk"]),
            row["moved_at"] or row["created_at"],
        )
        for row in await connection.fetch(OPEN, slot)
    ]


async def newest_marker_offset(connection: Connection, slot: int) -> int:
    """Return the offset of the newest marker that has been kept for a slot; 0 if there is none."""
    offset: int = await connection.fetchval(NEWEST, slot)
    return offset


async def keep_cursor(connection: Connection, launch: LaunchId, marker: LaunchMarker, offset: int) -> None:
    """Write down how far a launch has come, unless it is known to have come further.

    Args:
        connection: A connection with a transaction.
        launch: The launch.
        marker: How far.
        offset: Where that was found.
    """
    await connection.execute(LOCK_QUEUED, *launch)
    await connection.execute(KEEP, *launch, marker.cursor, marker.job, marker.written, offset)


async def keep_last_due(connection: Connection, number: int, last_due_at: datetime) -> None:
    """Write down when the last recipient is due who is being written, as planned before any pause."""
    await connection.execute(LAST_DUE, number, last_due_at)


async def finish_launches(connection: Connection, numbers: Iterable[int]) -> None:
    """Say of launches that nothing more will be written."""
    await connection.executemany(FINISH, [(number,) for number in numbers])


async def launches_to_control(connection: Connection, repeat_seconds: float) -> list[Launch]:
    """List launches of which the worker has to be told what is wanted, and note that the caller sets out to.

    Args:
        connection: A connection; what is noted must be committed before anything is said.
        repeat_seconds: How long after it was last begun it is said again, while not everybody has come back.
    """
    return [read_launch(row) for row in await connection.fetch(TELL, repeat_seconds)]


async def keep_controlled(connection: Connection, launch: Launch) -> None:
    """Write down that the worker has been told of a launch as it was listed; once for each time it was."""
    await connection.execute(TOLD, launch.id, launch.wanted, launch.wanted_at, launch.shift)


async def count_launches(connection: Connection) -> dict[str, int]:
    """Return how many launches are not done, by state; `paused` goes before how far they have come."""
    return {row["state"]: row["count"] for row in await connection.fetch(COUNTS)}


async def oldest_in_outbox(connection: Connection) -> float:
    """Return the age of the oldest small send that is not written, in seconds; 0 if there is none."""
    seconds: float = await connection.fetchval(OLDEST)
    return seconds
