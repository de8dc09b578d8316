"""How far the collector has come in each partition, and who reads it.

The fence is what makes counting exact: the transaction that applies records moves `next` from where it began,
or else applies nothing. Leases only keep collectors from doing each other's work; their times are the
database's own.
"""

from collections.abc import Iterable
from typing import NamedTuple

from campaigns.store.database import Connection, Row

ADD = """
INSERT INTO collector_offset (topic, partition, next)
SELECT topic, partition, 0 FROM unnest($1::text[], $2::integer[]) AS there (topic, partition)
ON CONFLICT (topic, partition) DO NOTHING
"""
RENEW = """
UPDATE collector_offset SET until = now() + make_interval(secs => $2) WHERE holder = $1 AND until > now()
RETURNING topic, partition, next
"""
# A share of those that are free, so that several collectors that begin together divide them.
TAKE = """
WITH free AS (
    SELECT topic, partition FROM collector_offset
    JOIN unnest($3::text[], $4::integer[]) AS wanted (topic, partition) USING (topic, partition)
    WHERE until IS NULL OR until <= now()
    ORDER BY topic, partition
    FOR UPDATE OF collector_offset SKIP LOCKED
), share AS (
    SELECT topic, partition FROM free ORDER BY topic, partition LIMIT (SELECT ceil(count(*) / 4.0) FROM free)
)
UPDATE collector_offset AS o SET holder = $1, until = now() + make_interval(secs => $2)
FROM share WHERE o.topic = share.topic AND o.partition = share.partition
RETURNING o.topic, o.partition, o.next
"""
RELEASE = "UPDATE collector_offset SET holder = NULL, until = NULL WHERE holder = $1"
FENCE = """
UPDATE collector_offset SET next = $4 WHERE topic = $1 AND partition = $2 AND next = $3 RETURNING partition
"""


class Place(NamedTuple):
    """A partition of a topic, by the topic's full name."""

    topic: str
    partition: int


async def add_places(connection: Connection, places: Iterable[Place]) -> None:
    """Make partitions known, from their beginning on; those that are known stay as they are."""
    await connection.execute(ADD, *zip(*sorted(places), strict=True))


async def renew_places(connection: Connection, holder: str, seconds: float) -> dict[Place, int]:
    """Hold for so long what one still holds; return it, with the next offset of each."""
    return _places(await connection.fetch(RENEW, holder, seconds))


async def take_places(
    connection: Connection, holder: str, seconds: float, places: Iterable[Place]
) -> dict[Place, int]:
    """Become the holder of some of those of these partitions that nobody holds, and return them."""
    return _places(await connection.fetch(TAKE, holder, seconds, *zip(*places, strict=True)))


async def release_places(connection: Connection, holder: str) -> None:
    """Leave all partitions to whoever wants them."""
    await connection.execute(RELEASE, holder)


async def move_on(connection: Connection, place: Place, begin: int, end: int) -> bool:
    """Move a partition's next offset from `begin` to `end`; False if it is not at `begin`.

    After that nobody else can move it until the transaction ends.
    """
    return await connection.fetchval(FENCE, *place, begin, end) is not None


def _places(rows: Iterable[Row]) -> dict[Place, int]:
    return {Place(row["topic"], row["partition"]): row["next"] for row in rows}
