"""What browsers reported: a row for each launch, subscriber and kind, and the sums of a launch.

Rows lie in a partition for each month of their launches, which is made ahead. Whoever reads rows here keeps
them to itself until the transaction ends; see `job_outcomes` for those that are not there.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple

import asyncpg

from campaigns.store.database import Connection, OvertakenError

KNOWN = """
SELECT month, launch, subscriber, kind, first_at, total FROM engagement
JOIN unnest($1::date[], $2::bigint[], $3::bigint[], $4::text[]) AS wanted (month, launch, subscriber, kind)
    USING (month, launch, subscriber, kind)
ORDER BY month, launch, subscriber, kind
FOR UPDATE OF engagement
"""
ADD = """
INSERT INTO engagement (month, launch, subscriber, kind, first_at, total)
SELECT * FROM unnest($1::date[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::smallint[])
ON CONFLICT (month, launch, subscriber, kind) DO NOTHING
"""
CHANGE = """
UPDATE engagement AS e SET first_at = c.first_at, total = c.total
FROM unnest($1::date[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::smallint[])
    AS c (month, launch, subscriber, kind, first_at, total)
WHERE e.month = c.month AND e.launch = c.launch AND e.subscriber = c.subscriber AND e.kind = c.kind
"""
COUNT = """
INSERT INTO engagement_count (launch, partition, kind, first, total)
SELECT launch, $1, kind, first, total
FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) AS added (launch, kind, first, total)
ORDER BY launch, kind
ON CONFLICT (launch, partition, kind) DO UPDATE SET
    first = engagement_count.first + excluded.first, total = engagement_count.total + excluded.total
"""
# Of those who unsubscribed since a moment: each launch that they saw or clicked within 24 hours before.
UNSUBSCRIBED = """
WITH left_us AS (
    SELECT DISTINCT e.month, e.launch, s.id, s.status_at
    FROM subscriber AS s JOIN engagement AS e ON e.subscriber = s.id
    WHERE s.status = 'unsubscribed' AND s.status_at >= $1
        AND e.first_at BETWEEN s.status_at - interval '24 hours' AND s.status_at
        AND e.kind IN ('shown', 'clicked', 'button_0', 'button_1')
), added AS (
    INSERT INTO engagement (month, launch, subscriber, kind, first_at)
    SELECT month, launch, id, 'unsubscribed', status_at FROM left_us ORDER BY month, launch, id
    ON CONFLICT (month, launch, subscriber, kind) DO NOTHING
    RETURNING launch
)
INSERT INTO engagement_count (launch, partition, kind, first, total)
SELECT launch, -1, 'unsubscribed', count(*), count(*) FROM added GROUP BY launch ORDER BY launch
ON CONFLICT (launch, partition, kind) DO UPDATE SET
    first = engagement_count.first + excluded.first, total = engagement_count.total + excluded.total
"""
FORGET = "DELETE FROM engagement WHERE subscriber = $1"
LOCK = "LOCK TABLE engagement IN SHARE UPDATE EXCLUSIVE MODE"
"""Lets others read and write, but not make partitions."""

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
"""How long everybody else may queue behind whoever drops a partition."""

DROP = """
DELETE FROM engagement_rest WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM engagement_rest WHERE month < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
))
"""
MONTHS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'engagement'::regclass"


_IS_MONTH = re.compile(r"engagement_\d{4}_\d{2}").fullmatch


class Key(NamedTuple):
    """The key of a row; `month` is the first day of the launch's."""

    month: date
    launch: int
    subscriber: int
    kind: str


class Value(NamedTuple):
    """When it was reported first, and how often."""

    first_at: datetime
    total: int


class Reported(NamedTuple):
    """How many more recipients of a launch reported a kind, and how many more reports count."""

    launch: int
    kind: str
    first: int
    total: int


async def known_engagement(connection: Connection, keys: Iterable[Key]) -> dict[Key, Value]:
    """Return those of these rows that there are."""
    rows = await connection.fetch(KNOWN, *zip(*keys, strict=True))
    return {Key(*row[:4]): Value(*row[4:]) for row in map(tuple, rows)}


async def add_engagement(connection: Connection, rows: Mapping[Key, Value]) -> None:
    """Add rows that there were not.

    Raises:
        OvertakenError: There is one by now.
    """
    if rows:
        tag = await connection.execute(ADD, *_columns(dict(sorted(rows.items()))))
        if int(tag.rpartition(" ")[2]) != len(rows):
            raise OvertakenError


async def change_engagement(connection: Connection, rows: Mapping[Key, Value]) -> None:
    """Change rows that were read in this transaction."""
    if rows:
        await connection.execute(CHANGE, *_columns(rows))


async def count_engagement(connection: Connection, partition: int, changes: Sequence[Reported]) -> None:
    """Add to what is counted of launches; nobody else writes the rows of a partition meanwhile."""
    if changes:
        await connection.execute(COUNT, partition, *zip(*changes, strict=True))


async def count_unsubscribed(connection: Connection, since: datetime) -> None:
    """Count who unsubscribed since a moment, and within 24 hours after a push; each once for each launch.

    May be done again and again, and by several at once.
    """
    await connection.execute(UNSUBSCRIBED, since)


async def forget_subscriber(connection: Connection, subscriber: int) -> None:
    """Delete what a subscriber's browser reported; what is counted of launches stays."""
    await connection.execute(FORGET, subscriber)


async def add_months(connection: Connection, months: Iterable[date]) -> list[str]:
    """Make the partitions of months, by their first days in a row; return those that there were not."""
    added = []
    async with connection.transaction():
        await connection.execute(LOCK)
        there = {row[0] for row in await connection.fetch(MONTHS)}
        for first, after in pairwise(sorted(months)):
            name = f"engagement_{first:%Y_%m}"
            if name not in there:
                # Rows of this month may lie in `engagement_rest` by now: then they stay there.
                with suppress(asyncpg.CheckViolationError):
                    async with connection.transaction():
                        await connection.execute(_partition(name, first, after))
                    added.append(name)
    return added


async def drop_months(connection: Connection, before: date) -> int:
    """Drop the oldest partition of a month before this one; return whether there was one, as a number.

    If it is in use for long, it stays until the next time.

    Args:
        connection: A connection with a transaction.
        before: The first day of the first month that stays.
    """
    with suppress(asyncpg.LockNotAvailableError):
        async with connection.transaction():
            await connection.execute(LOCK_TIMEOUT)
            await connection.execute(LOCK)
            there = sorted(row[0] for row in await connection.fetch(MONTHS))
            old = [name for name in there if _IS_MONTH(name) and name < f"engagement_{before:%Y_%m}"]
            if old:
                await connection.execute(f"DROP TABLE {old[0]}")
            return len(old[:1])
    return 0


async def drop_engagement(connection: Connection, before: date, limit: int) -> int:
    """Delete rows of months before this one that lie in no partition of their month; return how many."""
    return int((await connection.execute(DROP, before, limit)).rpartition(" ")[2])


def _partition(name: str, first: date, after: date) -> str:
    """Return the statement that makes a partition: there, dates cannot be parameters."""
    return f"CREATE TABLE {name} PARTITION OF engagement FOR VALUES FROM ('{first}') TO ('{after}')"


def _columns(rows: Mapping[Key, Value]) -> list[tuple[object, ...]]:
    return list(zip(*((*key, *value) for key, value in rows.items()), strict=True))
