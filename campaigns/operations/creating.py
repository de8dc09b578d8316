"""Campaigns that are made and launched by one request: both, or neither."""

from datetime import datetime

from campaigns.model.scope import Scope
from campaigns.operations.campaigns import CampaignDraft, CampaignView, create_campaign, launch_campaign
from campaigns.operations.service import Service


async def create_and_launch(
    scope: Scope, service: Service, site: int, draft: CampaignDraft, now: datetime
) -> CampaignView:
    """Make a campaign, and launch it: at once, or when its time comes.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site, or no such template of it.
        InvalidError: Something about it is wrong, or its content cannot be sent.
        ConflictError: Its segment is gone.
    """
    async with service.begin() as connection:
        inside = service.within(connection)
        made = await create_campaign(scope, inside, site, draft, now)
        return await launch_campaign(scope, inside, made.campaign.id, now)
