"""Lists over all of an account's sites, by offset, and its zone: as some platforms page and write times.

An offset counts from the beginning each time, so whoever needs all of a long list should use a cursor.
"""

from datetime import datetime

from msgspec import Struct

from campaigns.model.campaign import Campaign
from campaigns.model.scope import Permission, Scope
from campaigns.model.site import Site
from campaigns.model.subscriber import Subscriber
from campaigns.operations.finding import the_site
from campaigns.operations.service import Service
from campaigns.store.accounts import zone_of_account
from campaigns.store.campaigns import count_campaigns_of_site, list_campaigns_of_account
from campaigns.store.sites import count_sites, list_sites_by_offset
from campaigns.store.subscriber_offsets import list_subscribers_by_offset


class Window(Struct, frozen=True):
    """Part of a list.

    Attributes:
        offset: How many are passed over.
        limit: At most so many.
        since: Only what is of this moment or later.
        until: Only what is before this moment.
    """

    offset: int
    limit: int
    since: datetime | None = None
    until: datetime | None = None


async def all_campaigns(
    scope: Scope, service: Service, window: Window, *, site: int | None = None
) -> list[Campaign]:
    """List the campaigns of all sites, the newest first; the window's times are those of their starts.

    Args:
        scope: Who asks.
        service: What operations need.
        window: Which part of the list; `until` is included.
        site: Only this one's.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        if site is not None:
            await the_site(connection, scope, site)
        return await list_campaigns_of_account(
            connection,
            scope,
            site=site,
            since=window.since,
            until=window.until,
            offset=window.offset,
            limit=window.limit,
        )


async def count_all_campaigns(
    scope: Scope, service: Service, site: int, *, since: datetime | None = None, until: datetime | None = None
) -> int:
    """Count the campaigns of a site that `all_campaigns` lists.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        return await count_campaigns_of_site(connection, scope, site, since=since, until=until)


async def all_sites(scope: Scope, service: Service, window: Window) -> list[Site]:
    """List sites by number; the window's times do not matter.

    Raises:
        ForbiddenError: The credential may not.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        return await list_sites_by_offset(connection, scope, window.offset, window.limit)


async def count_all_sites(scope: Scope, service: Service) -> int:
    """Count sites.

    Raises:
        ForbiddenError: The credential may not.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        return await count_sites(connection, scope)


async def all_subscribers(scope: Scope, service: Service, site: int, window: Window) -> list[Subscriber]:
    """List a site's subscribers of every status by number; the window's times are those of their coming.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        return await list_subscribers_by_offset(
            connection,
            site,
            since=window.since,
            until=window.until,
            offset=window.offset,
            limit=window.limit,
        )


async def account_zone(scope: Scope, service: Service) -> str:
    """Return the time zone of tzdata in which the account's wall times are meant, where nothing else says."""
    async with service.begin() as connection:
        return await zone_of_account(connection, scope.account)
