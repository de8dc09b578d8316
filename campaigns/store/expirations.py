"""Subscribers whose subscription is gone, or was never any good.

Statements are given digests instead of endpoints, which are secrets.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from campaigns.model.subscriber import SubscriberStatus
from campaigns.store import subscriber_counts
from campaigns.store.database import Connection, Row

EXPIRE = """
WITH gone AS (
    SELECT s.id FROM subscriber AS s
    JOIN unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS said (site, id, digest)
        ON s.id = said.id AND s.site = said.site
    WHERE s.status = 'active' AND sha256(convert_to(s.endpoint, 'UTF8')) = said.digest
    ORDER BY s.id FOR UPDATE OF s
)
UPDATE subscriber SET status = 'expired', status_at = $4, updated_at = $4
FROM gone WHERE subscriber.id = gone.id
RETURNING subscriber.site, subscriber.id
"""
BOUNCE = """
WITH bad AS (
    SELECT s.id FROM subscriber AS s
    JOIN unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS said (site, id, launched_at)
        ON s.id = said.id AND s.site = said.site
    WHERE s.status = 'active' AND s.updated_at < said.launched_at
    ORDER BY s.id FOR UPDATE OF s
)
UPDATE subscriber SET status = 'bounced', status_at = $4, updated_at = $4
FROM bad WHERE subscriber.id = bad.id
RETURNING subscriber.site, subscriber.id
"""


class Gone(NamedTuple):
    """A subscription that a push service no longer knows, by the digest of its endpoint."""

    site: int
    subscriber: int
    digest: bytes


class BadKeys(NamedTuple):
    """A subscriber whose keys were unusable in a launch, and when that began."""

    site: int
    subscriber: int
    launched_at: datetime


async def expire(connection: Connection, gone: Iterable[Gone], now: datetime) -> int:
    """Mark subscribers whose endpoint is still the one that is gone; return how many."""
    return await _mark(connection, EXPIRE, SubscriberStatus.EXPIRED, gone, now)


async def bounce(connection: Connection, bad: Iterable[BadKeys], now: datetime) -> int:
    """Mark subscribers who have not changed since the launch that found their keys bad; return how many.

    An outcome does not say which keys it is about. Whoever changed meanwhile may have new ones.
    """
    return await _mark(connection, BOUNCE, SubscriberStatus.BOUNCED, bad, now)


async def _mark(
    connection: Connection,
    statement: str,
    status: SubscriberStatus,
    said: Iterable[tuple[int, int, object]],
    now: datetime,
) -> int:
    columns = list(zip(*said, strict=True))
    if not columns:
        return 0
    rows = await connection.fetch(statement, *columns, now)
    for site, slots in sorted(_by_site(rows).items()):
        changes = {(SubscriberStatus.ACTIVE, slot): -count for slot, count in slots.items()}
        changes |= {(status, slot): count for slot, count in slots.items()}
        await subscriber_counts.change(connection, site, changes)
    return len(rows)


def _by_site(rows: Iterable[Row]) -> dict[int, Counter[int]]:
    slots: dict[int, Counter[int]] = {}
    for row in rows:
        slots.setdefault(row["site"], Counter())[subscriber_counts.slot_of(row["id"])] += 1
    return slots
