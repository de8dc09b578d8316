"""Subscribers who were erased, and whether Kafka has been told to forget their endpoints."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from campaigns.store.database import Connection
from campaigns.store.expirations import Gone

ADD = """
INSERT INTO erasure (site, subscriber) VALUES ($1, $2)
ON CONFLICT (site, subscriber) DO UPDATE SET wanted = erasure.wanted + 1, erased_at = excluded.erased_at
"""
# In one order, so that two who change the same rows wait for each other, but never both ways.
REPEAT = """
WITH again AS (
    SELECT e.site, e.subscriber FROM erasure AS e
    JOIN unnest($1::bigint[], $2::bigint[]) AS said (site, subscriber) USING (site, subscriber)
    ORDER BY e.site, e.subscriber FOR UPDATE OF e
)
UPDATE erasure AS e SET wanted = e.wanted + 1
FROM again WHERE e.site = again.site AND e.subscriber = again.subscriber
"""
DUE = "SELECT site, subscriber, wanted FROM erasure WHERE told < wanted ORDER BY erased_at LIMIT $1"
DROP = """
DELETE FROM erasure WHERE (site, subscriber) IN (
    SELECT site, subscriber FROM erasure WHERE told >= wanted AND erased_at < $1
    ORDER BY erased_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""
TOLD = """
WITH told AS (
    SELECT e.site, e.subscriber, said.wanted FROM erasure AS e
    JOIN unnest($1::bigint[], $2::bigint[], $3::integer[]) AS said (site, subscriber, wanted)
        USING (site, subscriber)
    ORDER BY e.site, e.subscriber FOR UPDATE OF e
)
UPDATE erasure AS e SET told = greatest(e.told, told.wanted)
FROM told WHERE e.site = told.site AND e.subscriber = told.subscriber
"""


class Erasure(NamedTuple):
    """A subscriber who was erased.

    Attributes:
        site: Whose it was.
        subscriber: Its number.
        wanted: How often Kafka has to be told by now.
    """

    site: int
    subscriber: int
    wanted: int


async def add_erasure(connection: Connection, site: int, subscriber: int) -> None:
    """Let Kafka be told that a subscriber was erased."""
    await connection.execute(ADD, site, subscriber)


async def repeat_erasures(connection: Connection, gone: Iterable[Gone]) -> None:
    """Let Kafka be told again of those of these who were erased: it has just been told of an endpoint."""
    keys = sorted({(each.site, each.subscriber) for each in gone})
    if keys:
        await connection.execute(REPEAT, *zip(*keys, strict=True))


async def due_erasures(connection: Connection, limit: int) -> list[Erasure]:
    """List those of whom Kafka has still to be told, the oldest first."""
    return [Erasure(*row) for row in await connection.fetch(DUE, limit)]


async def keep_told(connection: Connection, erasures: Sequence[Erasure]) -> None:
    """Write down that Kafka has been told, as often as was wanted when these were listed."""
    await connection.execute(TOLD, *zip(*erasures, strict=True))


async def drop_erasures(connection: Connection, before: datetime, limit: int) -> int:
    """Forget those who were erased before a moment, once Kafka has been told; return how many.

    Args:
        connection: A connection with a transaction.
        before: The moment.
        limit: How many at most.
    """
    return int((await connection.execute(DROP, before, limit)).rpartition(" ")[2])
