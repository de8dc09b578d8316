"""Launches, as the collector sees them: what is ours, what is counted, and what is done."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import astuple

from campaigns.model.launch import Launch
from campaigns.model.statistics import Counted
from campaigns.store.database import Connection
from campaigns.store.launches import read_launch

OURS = "SELECT id, nonce, site, created_at, done_at FROM launch WHERE id = ANY($1::bigint[])"
COUNT = """
INSERT INTO launch_count (launch, partition, status, count, attempted, until)
SELECT launch, $1, status, count, attempted, $6
FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) AS added (launch, status, count, attempted)
ORDER BY launch, status
ON CONFLICT (launch, partition, status) DO UPDATE SET
    count = launch_count.count + excluded.count,
    attempted = launch_count.attempted + excluded.attempted,
    until = greatest(launch_count.until, excluded.until)
"""
# A small send is written once its rows have left the outbox.
WRITTEN = """
SELECT launch.*, (SELECT coalesce(sum(count), 0)::bigint FROM launch_count AS c WHERE c.launch = launch.id)
    AS outcomes
FROM launch
WHERE state = 'written' AND NOT EXISTS (SELECT FROM outbox WHERE outbox.launch = launch.id)
ORDER BY launch.id
"""
# Campaigns first, as whoever pauses or cancels one does.
LOCK_CAMPAIGNS = """
SELECT FROM campaign WHERE id IN (SELECT campaign FROM launch WHERE id = ANY($1::bigint[]))
ORDER BY id FOR UPDATE
"""
FINISH = """
UPDATE launch SET state = 'done', done_at = $2 WHERE id = ANY($1::bigint[]) AND state = 'written'
RETURNING id
"""
# One that is paused, cancelled or recurring stays so.
FINISH_CAMPAIGNS = """
UPDATE campaign SET status = 'done', updated_at = $2
WHERE id IN (SELECT campaign FROM launch WHERE id = ANY($1::bigint[])) AND status IN ('queued', 'sending')
    AND NOT EXISTS (SELECT FROM launch WHERE launch.campaign = campaign.id AND launch.state <> 'done')
"""


class OurLaunch(NamedTuple):
    """What never changes about a launch, and when it was done."""

    id: int
    nonce: str
    site: int
    created_at: datetime
    done_at: datetime | None


async def our_launches(connection: Connection, numbers: Iterable[int]) -> dict[int, OurLaunch]:
    """Return those of these launches that there are, by number."""
    rows = await connection.fetch(OURS, sorted({*numbers}))
    return {row["id"]: OurLaunch(*row) for row in rows}


async def count_outcomes(
    connection: Connection, partition: int, changes: Sequence[Counted], until: datetime
) -> None:
    """Add to what is counted of launches.

    Args:
        connection: A connection with a transaction.
        partition: Of the topic of outcomes: nobody else writes these rows meanwhile.
        changes: What to add.
        until: When the last of them came to Kafka.
    """
    if changes:
        columns = zip(*map(astuple, changes), strict=True)
        await connection.execute(COUNT, partition, *columns, until)


async def written_launches(connection: Connection) -> list[tuple[Launch, int]]:
    """List the launches that are written and not done, with the number of outcomes of each."""
    return [(read_launch(row), row["outcomes"]) for row in await connection.fetch(WRITTEN)]


async def finish_launches(connection: Connection, numbers: Sequence[int], now: datetime) -> list[int]:
    """Say that launches are done, and campaigns of which all are; return those that were not yet."""
    await connection.execute(LOCK_CAMPAIGNS, numbers)
    done = [row["id"] for row in await connection.fetch(FINISH, numbers, now)]
    await connection.execute(FINISH_CAMPAIGNS, done, now)
    return done
