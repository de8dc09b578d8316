"""Removing a campaign, with what came of it: never while workers push for it, who could be told no more."""

from campaigns.model.campaign import Action, require
from campaigns.model.problems import ConflictError
from campaigns.model.scope import Permission, Scope
from campaigns.operations.finding import the_campaign
from campaigns.operations.service import Service
from campaigns.store.campaigns import delete_campaign
from campaigns.store.launches import has_untold_launches, open_launches
from worker.records.control import State


async def remove_campaign(scope: Scope, service: Service, number: int) -> None:
    """Delete a campaign, and what came of it.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It or a launch of it is under way, or the worker has still to be told that it is
            cancelled: what is to be told goes with its launches.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number, to_change=True)
        require(campaign, Action.DELETE)
        open_ones = await open_launches(connection, campaign.id, campaign.site)
        if any(each.wanted is not State.CANCELLED for each in open_ones):
            raise ConflictError("A launch of the campaign is under way: cancel it, or wait for its end.")
        if await has_untold_launches(connection, campaign.id, campaign.site):
            raise ConflictError("The worker has still to be told of the cancellation; try again soon.")
        await delete_campaign(connection, campaign)
