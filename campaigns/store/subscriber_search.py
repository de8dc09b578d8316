"""Subscribers with any of several tags, by number: one walk of an index for each status."""

from collections.abc import Iterable

from campaigns.model.subscriber import Subscriber, SubscriberStatus
from campaigns.store.database import Connection
from campaigns.store.subscribers import read_subscriber

LIST = """
SELECT page.* FROM unnest($2::text[]) AS wanted (status), LATERAL (
    SELECT * FROM subscriber
    WHERE site = $1 AND subscriber.status = wanted.status AND id > $3 AND ($4::text[] IS NULL OR tags && $4)
    ORDER BY id LIMIT $5
) AS page
ORDER BY page.id LIMIT $5
"""


async def search_subscribers(
    connection: Connection,
    site: int,
    *,
    statuses: Iterable[SubscriberStatus],
    tags: Iterable[str] | None,
    after: int,
    limit: int,
) -> list[Subscriber]:
    """List a site's subscribers by number.

    Args:
        connection: A connection.
        site: Whose they are.
        statuses: Only those of these.
        tags: Only those with one of these; None: whatever they have.
        after: Begin behind this number.
        limit: At most so many.
    """
    wanted = None if tags is None else [*tags]
    rows = await connection.fetch(LIST, site, [*statuses], after, wanted, limit)
    return [read_subscriber(row) for row in rows]
