"""Subscribers found by several things at once, and several kinds of targets as one."""

from collections.abc import Collection, Sequence

from campaigns.model.problems import invalid
from campaigns.model.scope import Permission, Scope
from campaigns.model.subscriber import Subscriber, SubscriberStatus
from campaigns.model.target import NAMED_MAX, ExternalIds, Subscribers, Tagged, Target
from campaigns.operations.audience import members
from campaigns.operations.finding import the_site
from campaigns.operations.service import Page, Service, page_of
from campaigns.store.subscriber_search import search_subscribers
from campaigns.store.subscribers import list_by_external_id


async def find_subscribers(
    scope: Scope,
    service: Service,
    site: int,
    *,
    statuses: Collection[SubscriberStatus] = tuple(SubscriberStatus),
    tags: Sequence[str] | None = None,
    external_id: str | None = None,
    after: int = -1,
    limit: int,
) -> Page[Subscriber]:
    """List a site's subscribers by number.

    Args:
        scope: Who asks.
        service: What operations need.
        site: Whose they are.
        statuses: Only those of these.
        tags: Only those with one of these; None: whatever they have.
        external_id: Only those of this user.
        after: Begin behind this number.
        limit: At most so many.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        if external_id is not None:
            found = await list_by_external_id(connection, site, external_id, after, limit + 1)
        else:
            found = await search_subscribers(
                connection, site, statuses=statuses, tags=tags, after=after, limit=limit + 1
            )
    page = page_of(found, limit, lambda each: each.id)
    return Page([each for each in page.items if each.status in statuses and _has_any(each, tags)], page.next)


def _has_any(subscriber: Subscriber, tags: Sequence[str] | None) -> bool:
    return tags is None or not {*tags}.isdisjoint(subscriber.profile.tags or ())


async def any_of(
    scope: Scope, service: Service, site: int, targets: Sequence[Subscribers | ExternalIds | Tagged]
) -> Target:
    """Return a target that means whoever is in one of several, each once.

    Raises:
        ForbiddenError: The credential may not send.
        NotFoundError: There is no such site.
        InvalidError: Together they are too many to be named one by one.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        if len(targets) == 1:
            return targets[0]
        numbers: dict[int, None] = {}
        for target in targets:
            numbers.update(dict.fromkeys(await members(connection, site, target, NAMED_MAX + 1)))
    if len(numbers) > NAMED_MAX:
        raise invalid("target", f"has more than {NAMED_MAX:,} subscribers; give tags alone, or a segment")
    return Subscribers(tuple(numbers)) if numbers else targets[0]  # nobody is in any of them
