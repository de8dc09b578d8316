"""Campaigns that are taken back: cancelled if anything of them is still to come, or else forgotten."""

from datetime import datetime

from campaigns.model.campaign import POSSIBLE, Action
from campaigns.model.scope import Permission, Scope
from campaigns.operations.campaign_removal import remove_campaign
from campaigns.operations.campaigns import cancel_campaign
from campaigns.operations.finding import the_campaign
from campaigns.operations.service import Service


async def withdraw_campaign(scope: Scope, service: Service, number: int, now: datetime) -> None:
    """Cancel a campaign that has not ended, and delete one that has.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It is cancelled, and the worker has still to be told so.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        inside = service.within(connection)
        campaign = await the_campaign(connection, scope, number, to_change=True)
        if campaign.status in POSSIBLE[Action.CANCEL]:
            await cancel_campaign(scope, inside, number, now)
        else:
            await remove_campaign(scope, inside, number)
