"""Imports: many subscribers at once, who were subscribed elsewhere with a key that the account has."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from campaigns.model.attribute import Seen, seen
from campaigns.model.scope import Permission, Scope
from campaigns.model.subscriber import RANDOM_BYTES, Subscriber, subscriber_number
from campaigns.operations.finding import the_site, there
from campaigns.operations.service import Service
from campaigns.store.attributes import register_attributes
from campaigns.store.subscriber_import import Imported, ImportLine, import_subscribers
from campaigns.store.subscribers import list_subscribers
from campaigns.store.vapid_keys import find_vapid_key

BATCH = 5_000
"""Lines that are imported in one transaction."""

EXPORTED = 1_000
"""Subscribers that are read by one statement."""


async def import_lines(
    scope: Scope,
    service: Service,
    site: int,
    lines: Sequence[ImportLine],
    *,
    vapid_key: str,
    now: datetime,
) -> Imported:
    """Add and update subscribers; a line costs only itself, and may come again.

    Args:
        scope: Who asks.
        service: What operations need.
        site: Whose subscribers they become.
        lines: Read and found right; at most `BATCH`.
        vapid_key: The key that the subscriptions were made with: the worker signs with it.
        now: The moment.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site, or no such key.
    """
    scope.require(Permission.SUBSCRIBERS)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        there(await find_vapid_key(connection, scope.account, vapid_key), "VAPID key")
        imported = await import_subscribers(
            connection,
            site,
            lines,
            vapid_key=vapid_key,
            now=now,
            new_number=lambda: subscriber_number(service.random(RANDOM_BYTES)),
        )
        rejected = {each.line for each in imported.rejected}
        taken = (line for line in lines if line.number not in rejected)
        await register_attributes(connection, site, _seen(taken))
    return imported


def _seen(lines: Iterable[ImportLine]) -> dict[str, Seen]:
    """Return the longest value of each attribute."""
    found: dict[str, Seen] = {}
    for name, each in _each_seen(lines):
        if name not in found or found[name].longest < each.longest:
            found[name] = Seen(found[name].type if name in found else each.type, each.longest)
    return found


def _each_seen(lines: Iterable[ImportLine]) -> Iterator[tuple[str, Seen]]:
    for line in lines:
        yield from seen(line.profile.attributes or {}).items()


async def export_page(scope: Scope, service: Service, site: int, after: int) -> list[Subscriber]:
    """Return a site's next subscribers, of every status, by number; none at the end.

    Args:
        scope: Who asks.
        service: What operations need.
        site: Whose they are.
        after: The number of the last one so far; -1 for the first page.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    scope.require(Permission.SUBSCRIBERS)  # endpoints and keys are enough to send
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        return await list_subscribers(connection, site, after=after, limit=EXPORTED)
