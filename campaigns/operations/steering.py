"""Campaigns made, changed, launched, paused and deleted as platforms know it whose words are not ours.

Each is one transaction, so that nothing comes between what is found and what is done.
"""

from collections.abc import Callable
from datetime import datetime

from campaigns.model.campaign import Campaign, CampaignStatus
from campaigns.model.campaign_changes import discard
from campaigns.model.problems import ConflictError, NotFoundError
from campaigns.model.scope import Permission, Scope
from campaigns.model.site import Site
from campaigns.operations.campaigns import (
    CampaignChanges,
    CampaignDraft,
    CampaignView,
    cancel_campaign,
    create_campaign,
    edit_campaign,
    launch_campaign,
    pause_campaign,
    resume_campaign,
)
from campaigns.operations.creating import create_and_launch
from campaigns.operations.finding import the_campaign, the_site
from campaigns.operations.launching import take
from campaigns.operations.service import Service
from campaigns.store.campaign_lists import has_recurring
from campaigns.store.campaigns import delete_campaign
from campaigns.store.discarded import delete_discarded
from campaigns.store.discarded import discard_campaign as hide
from campaigns.store.launches import has_untold_launches, open_launches

AT_ONCE = 100
"""Campaigns that are deleted in one transaction."""


async def create_for(
    scope: Scope,
    service: Service,
    site: int,
    draft_for: Callable[[Site], CampaignDraft],
    now: datetime,
    *,
    launch: bool = False,
) -> CampaignView:
    """Make a campaign that depends on its site.

    Args:
        scope: Who asks.
        service: What operations need.
        site: Whose it is to be.
        draft_for: Makes the draft.
        now: The moment.
        launch: Whether it is launched, too.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site, or no such template of it.
        InvalidError: Something about it is wrong, or its content cannot be sent.
        ConflictError: It is launched, and its segment is gone or all times at which it recurs have passed.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        draft = draft_for(await the_site(connection, scope, site))
        create = create_and_launch if launch else create_campaign
        return await create(scope, service.within(connection), site, draft, now)


async def launch_named(
    scope: Scope,
    service: Service,
    site: int,
    draft_for: Callable[[Site], CampaignDraft],
    now: datetime,
) -> CampaignView:
    """Make and launch a recurring campaign whose name no other one of the site has; see `create_for`.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site, or no such template of it.
        InvalidError: Something about it is wrong, or its content cannot be sent.
        ConflictError: Its name is taken, or all times at which it recurs have passed.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        draft = draft_for(await the_site(connection, scope, site))
        if await has_recurring(connection, site, draft.name):
            raise ConflictError("The site has a recurring campaign of this name already.")
        return await create_and_launch(scope, service.within(connection), site, draft, now)


async def check_recurrence(scope: Scope, service: Service, number: int, *, recurs: bool) -> None:
    """Insist that a campaign recurs, or that it does not: to some platforms these are different things.

    Raises:
        NotFoundError: There is none, or it is the other thing.
    """
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number)
    if (campaign.recurrence is not None) != recurs:
        raise NotFoundError("campaign")


async def edit_as_it_is(
    scope: Scope,
    service: Service,
    number: int,
    changes_of: Callable[[Site, Campaign], CampaignChanges],
    now: datetime,
) -> CampaignView:
    """Change a campaign in a way that depends on what it is.

    Args:
        scope: Who asks.
        service: What operations need.
        number: The campaign.
        changes_of: Returns what is to be different.
        now: The moment.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It is launched, or has ended, or would recur no more.
        InvalidError: Something about it would be wrong.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number, to_change=True)
        changes = changes_of(await the_site(connection, scope, campaign.site), campaign)
        return await edit_campaign(scope, service.within(connection), number, changes, now)


async def launch_or_resume(scope: Scope, service: Service, number: int, now: datetime) -> CampaignView:
    """Launch a draft, or let a paused campaign go on.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It is launched already, has no content yet, or its segment is gone.
        InvalidError: It would end before its last recipient is due.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        inside = service.within(connection)
        campaign = await the_campaign(connection, scope, number, to_change=True)
        if campaign.status is CampaignStatus.PAUSED:
            return await resume_campaign(scope, inside, number, now)
        if campaign.status is CampaignStatus.SCHEDULED:
            raise ConflictError("The campaign is launched already; it begins at its time.")
        return await launch_campaign(scope, inside, number, now)


async def pause_recurring(scope: Scope, service: Service, number: int, now: datetime) -> CampaignView:
    """Pause a campaign that recurs.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It does not recur, or is not running.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number, to_change=True)
        if campaign.status is not CampaignStatus.RECURRING:
            raise ConflictError(
                "The campaign does not recur; only a running campaign that does can be paused."
            )
        return await pause_campaign(scope, service.within(connection), number, now)


async def cancel_unsent(scope: Scope, service: Service, number: int, now: datetime) -> CampaignView:
    """Cancel a campaign of which nothing is written yet.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: Some of it is written, or it has ended.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number, to_change=True)
        written = sum(each.written for each in await open_launches(connection, campaign.id, campaign.site))
        if written or campaign.status is CampaignStatus.SENDING:
            raise ConflictError("Some of the campaign is sent already.")
        return await cancel_campaign(scope, service.within(connection), number, now)


async def discard_campaign(scope: Scope, service: Service, number: int, now: datetime) -> None:
    """Delete a campaign; one that recurs or is paused is cancelled before, whatever of it is under way.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It is being sent.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number, to_change=True)
        step = discard(campaign, now)
        if step.control is not None:
            await take(connection, scope, service, step, now)
        if await has_untold_launches(connection, campaign.id, campaign.site):
            await hide(connection, campaign.id, campaign.site)
        else:
            await delete_campaign(connection, campaign)


async def remove_discarded(service: Service) -> int:
    """Delete campaigns that were discarded, and of which the worker knows by now; return how many."""
    async with service.begin() as connection:
        return await delete_discarded(connection, AT_ONCE)
