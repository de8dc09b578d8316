"""Campaigns changed and steered by one request, as platforms do that have one call for both."""

from collections.abc import Callable
from datetime import datetime

from campaigns.model.campaign import Campaign, CampaignStatus
from campaigns.model.problems import StatusError
from campaigns.model.scope import Permission, Scope
from campaigns.model.site import Site
from campaigns.operations.campaigns import (
    CampaignChanges,
    CampaignView,
    cancel_campaign,
    edit_campaign,
    launch_campaign,
    pause_campaign,
)
from campaigns.operations.finding import the_campaign, the_site
from campaigns.operations.service import Service
from campaigns.store.database import Connection
from campaigns.store.launches import launches_of

RUNNING = frozenset({CampaignStatus.QUEUED, CampaignStatus.SENDING, CampaignStatus.RECURRING})


async def revise_campaign(
    scope: Scope,
    service: Service,
    number: int,
    changes_of: Callable[[Site, Campaign], CampaignChanges],
    now: datetime,
    *,
    become: CampaignStatus | None = None,
) -> CampaignView:
    """Change a campaign, and steer it: a draft that gets a start waits for it from now on.

    Args:
        scope: Who asks.
        service: What operations need.
        number: The campaign.
        changes_of: Returns what is to be different, given what it is.
        now: The moment.
        become: `draft`, which takes its start away, `paused` or `cancelled`.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: This cannot be done in the status that it has.
        InvalidError: Something about it would be wrong.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        inside = service.within(connection)
        old = await the_campaign(connection, scope, number, to_change=True)
        changes = changes_of(await the_site(connection, scope, old.site), old)
        view = CampaignView(old, await launches_of(connection, old.id, old.site))
        if changes != CampaignChanges():
            view = await edit_campaign(scope, inside, number, changes, now)
        return await _steered(scope, inside, view, become, now)


async def _steered(
    scope: Scope, inside: Service, view: CampaignView, become: CampaignStatus | None, now: datetime
) -> CampaignView:
    campaign = view.campaign
    match become:
        case CampaignStatus.DRAFT:
            return await edit_campaign(
                scope, inside, campaign.id, CampaignChanges(plan={"start_at": None}), now
            )
        case CampaignStatus.PAUSED:
            return await pause_running(scope, inside, campaign.id, now)
        case CampaignStatus.CANCELLED:
            return await cancel_campaign(scope, inside, campaign.id, now)
    if campaign.status is CampaignStatus.DRAFT and campaign.plan.due_at is not None:
        return await launch_campaign(scope, inside, campaign.id, now)
    return view


async def pause_running(scope: Scope, service: Service, number: int, now: datetime) -> CampaignView:
    """Pause a campaign that has begun; one that waits for its start cannot be paused so.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It has not begun, or has ended.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        await _require_running(connection, scope, number)
        return await pause_campaign(scope, service.within(connection), number, now)


async def _require_running(connection: Connection, scope: Scope, number: int) -> None:
    campaign = await the_campaign(connection, scope, number, to_change=True)
    if campaign.status not in RUNNING:
        raise StatusError(f"The campaign is {campaign.status}; only one that is running can be paused.")
