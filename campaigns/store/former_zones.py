"""The zones that subscribers had before; a trigger on `subscriber` writes them down."""

from campaigns.store.database import Connection

# Whatever lies before the marks of all launches that are being written. The mark of one that begins meanwhile
# is higher than all that can be seen here: whoever changes a zone behind it waits for it.
DROP = """
DELETE FROM former_zone WHERE id IN (
    SELECT id FROM former_zone
    WHERE id < coalesce(
        (SELECT min(zone_mark) FROM launch WHERE state = 'writing' AND zone_mark IS NOT NULL),
        9223372036854775807
    )
    ORDER BY id LIMIT $1
)
"""


async def drop_former_zones(connection: Connection, limit: int) -> int:
    """Forget zones that no launch needs any more, at most so many; return how many."""
    return int((await connection.execute(DROP, limit)).rpartition(" ")[2])
