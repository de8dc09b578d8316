"""Removing a site: subscribers first, some at a time, then all the rest at once.

Decides when a site may not be removed yet. What breaks off may be begun again.
"""

from campaigns.model.problems import ConflictError
from campaigns.model.scope import Permission, Scope
from campaigns.operations.finding import the_site
from campaigns.operations.service import Service
from campaigns.store.database import Connection
from campaigns.store.site_removal import (
    SiteContents,
    delete_site,
    has_open_launches,
    lock_site,
    site_contents,
)
from campaigns.store.subscribers import erase_subscriber, list_subscribers

ERASED_AT_ONCE = 200
"""Subscribers that are erased in one transaction."""

__all__ = ["SiteContents", "contents_of", "erase_some", "remove_site"]


async def contents_of(scope: Scope, service: Service, site: int) -> SiteContents:
    """Count what would be removed with a site.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
        ConflictError: It cannot be removed yet: something is being sent.
    """
    async with service.begin() as connection:
        await _removable(connection, scope, site)
        return await site_contents(connection, site)


async def erase_some(scope: Scope, service: Service, site: int) -> int:
    """Erase some of a site's subscribers, and return how many; 0 at the end.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
        ConflictError: It cannot be removed yet: something is being sent.
    """
    async with service.begin() as connection:
        await _removable(connection, scope, site)
        found = await list_subscribers(connection, site, limit=ERASED_AT_ONCE)
        for each in found:
            await erase_subscriber(connection, each)
    return len(found)


async def remove_site(scope: Scope, service: Service, site: int) -> None:
    """Remove a site, with all that is its own; its VAPID key stays, because its name stands for it for ever.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
        ConflictError: It cannot be removed yet: something is being sent.
    """
    async with service.begin() as connection:
        await _removable(connection, scope, site, to_change=True)
        await delete_site(connection, site)


async def _removable(connection: Connection, scope: Scope, site: int, *, to_change: bool = False) -> None:
    scope.require(Permission.ADMIN)
    await the_site(connection, scope, site)
    if to_change:  # before it is looked for launches: one may be about to begin
        await lock_site(connection, site)
    if await has_open_launches(connection, site):
        raise ConflictError(
            "Campaigns of this site are being sent; cancel them, and wait until workers have been told."
        )
