"""How many subscribers a site has of each status, in 16 slots so that nobody queues on a row."""

from collections.abc import Iterable, Mapping

from campaigns.model.subscriber import SubscriberStatus
from campaigns.store.database import Connection

SLOTS = 16

# In one order, so that two who change the same rows wait for each other, but never both ways.
CHANGE = """
INSERT INTO subscriber_count (site, status, slot, count)
SELECT $1, status, slot, change
FROM unnest($2::text[], $3::smallint[], $4::bigint[]) AS changed (status, slot, change)
ORDER BY status, slot
ON CONFLICT (site, status, slot) DO UPDATE SET count = subscriber_count.count + excluded.count
"""
COUNTS = "SELECT status, sum(count)::bigint FROM subscriber_count WHERE site = $1 GROUP BY status"

Changes = Mapping[tuple[SubscriberStatus, int], int]
"""By status and slot, how many more there are."""


def slot_of(number: int) -> int:
    """Return the slot of a subscriber."""
    return number % SLOTS


async def move(
    connection: Connection,
    site: int,
    number: int,
    *,
    of: SubscriberStatus | None = None,
    to: SubscriberStatus | None = None,
) -> None:
    """Count a subscriber no longer as `of`, but as `to`."""
    both = ((of, -1), (to, 1))
    await change(
        connection, site, {(status, slot_of(number)): count for status, count in both if status is not None}
    )


async def change(connection: Connection, site: int, changes: Changes) -> None:
    """Change a site's counts."""
    statuses, slots = [status for status, _ in changes], [slot for _, slot in changes]
    await connection.execute(CHANGE, site, statuses, slots, list(changes.values()))


async def count_subscribers(connection: Connection, site: int) -> dict[SubscriberStatus, int]:
    """Return how many subscribers a site has of each status."""
    counted = {SubscriberStatus(status): count for status, count in await connection.fetch(COUNTS, site)}
    return {status: counted.get(status, 0) for status in SubscriberStatus}


def added(numbers: Iterable[int], status: SubscriberStatus) -> dict[tuple[SubscriberStatus, int], int]:
    """Return the changes of subscribers who come with a status."""
    changes: dict[tuple[SubscriberStatus, int], int] = {}
    for number in numbers:
        key = (status, slot_of(number))
        changes[key] = changes.get(key, 0) + 1
    return changes
