"""Subscribers listed by offset, as some platforms page: all those before it are read each time."""

from datetime import datetime

from campaigns.model.subscriber import Subscriber, SubscriberStatus
from campaigns.store.database import Connection
from campaigns.store.subscribers import read_subscriber

LIST = """
SELECT page.* FROM unnest($2::text[]) AS wanted (status), LATERAL (
    SELECT * FROM subscriber
    WHERE site = $1 AND subscriber.status = wanted.status
        AND ($3::timestamptz IS NULL OR created_at >= $3) AND ($4::timestamptz IS NULL OR created_at < $4)
    ORDER BY id LIMIT $5::bigint + $6::bigint
) AS page
ORDER BY page.id OFFSET $5 LIMIT $6
"""


async def list_subscribers_by_offset(
    connection: Connection,
    site: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    offset: int,
    limit: int,
) -> list[Subscriber]:
    """List a site's subscribers who came since a moment and before another, passing over `offset` of them."""
    rows = await connection.fetch(LIST, site, [*SubscriberStatus], since, until, offset, limit)
    return [read_subscriber(row) for row in rows]
