"""Subscribers who are kept no longer: some of them at a time, with all that leads to them."""

from datetime import datetime

from campaigns.model.subscriber import SubscriberStatus
from campaigns.store import subscriber_counts
from campaigns.store.database import Connection, Row

_DELETE = """
), gone AS (
    DELETE FROM subscriber AS s USING over WHERE s.id = over.id
    RETURNING s.site, s.id, s.status, s.hwid, s.external_id, s.former_digest
), endpoints AS (
    DELETE FROM subscriber_endpoint AS e USING gone
    WHERE e.site = gone.site AND e.digest = gone.former_digest AND e.subscriber = gone.id
), keys AS (
    DELETE FROM subscriber_key AS k
    USING gone, LATERAL (VALUES ('hwid', gone.hwid), ('external_id', gone.external_id)) AS had (kind, value)
    WHERE k.site = gone.site AND k.kind = had.kind AND k.value = had.value AND k.subscriber = gone.id
)
SELECT site, id, status FROM gone
"""
# Whoever is being changed is left to those who do so, and to the next time.
UNSUBSCRIBED = f"""
WITH over AS (
    SELECT id FROM subscriber WHERE status = 'unsubscribed' AND status_at < $1
    ORDER BY status_at LIMIT $2 FOR UPDATE SKIP LOCKED
{_DELETE}
"""  # noqa: S608 - both parts are written here
UNREACHABLE = f"""
WITH over AS (
    SELECT id FROM subscriber
    WHERE endpoint IS NULL AND status <> 'unsubscribed' AND seen_at < $1 AND status_at < $1
    ORDER BY seen_at LIMIT $2 FOR UPDATE SKIP LOCKED
{_DELETE}
"""  # noqa: S608 - both parts are written here


async def delete_unsubscribed(connection: Connection, before: datetime, limit: int) -> int:
    """Delete subscribers who unsubscribed before a moment, at most so many; return how many.

    The connection must have a transaction.
    """
    return await _counted(connection, await connection.fetch(UNSUBSCRIBED, before, limit))


async def delete_unreachable(connection: Connection, before: datetime, limit: int) -> int:
    """Delete subscribers without an endpoint who were seen before a moment alone; as above."""
    return await _counted(connection, await connection.fetch(UNREACHABLE, before, limit))


async def _counted(connection: Connection, rows: list[Row]) -> int:
    """Count the deleted ones no longer, sites in one order for everybody; return how many they are."""
    changes: dict[int, dict[tuple[SubscriberStatus, int], int]] = {}
    for site, number, status in rows:
        of_site = changes.setdefault(site, {})
        key = (SubscriberStatus(status), subscriber_counts.slot_of(number))
        of_site[key] = of_site.get(key, 0) - 1
    for site in sorted(changes):
        await subscriber_counts.change(connection, site, changes[site])
    return len(rows)
