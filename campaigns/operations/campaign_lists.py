"""Campaigns listed by offset, with how many there are."""

from msgspec import Struct

from campaigns.model.campaign import Campaign
from campaigns.model.campaign_filter import CampaignFilter
from campaigns.model.scope import Permission, Scope
from campaigns.operations.finding import the_site
from campaigns.operations.service import Service
from campaigns.store.campaign_lists import count_campaigns, list_by_offset


class Found(Struct, frozen=True):
    """Part of a list.

    Attributes:
        campaigns: At most as many as were asked for, the newest first.
        total: How many there are altogether.
    """

    campaigns: list[Campaign]
    total: int


async def find_campaigns(
    scope: Scope, service: Service, wanted: CampaignFilter, *, offset: int, limit: int
) -> Found:
    """List campaigns, the newest first.

    Args:
        scope: Who asks.
        service: What operations need.
        wanted: Which ones.
        offset: How many are passed over.
        limit: At most so many.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        if wanted.site is not None:
            await the_site(connection, scope, wanted.site)
        found = await list_by_offset(connection, scope, wanted, offset=offset, limit=limit)
        return Found(found, await count_campaigns(connection, scope, wanted))
