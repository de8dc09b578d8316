"""What follows from an action on a campaign: a launch begins, or its open ones are told what is wanted."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from campaigns.model.campaign import Campaign, Step, come_due, refuse
from campaigns.model.ids import make_nonce
from campaigns.model.launch import controlled, launch_of
from campaigns.model.problems import ConflictError
from campaigns.model.scope import Scope
from campaigns.operations.audience import count_targeted, resolved
from campaigns.operations.finding import the_site
from campaigns.operations.service import Service
from campaigns.store.campaigns import find_due_campaign, replace_campaign
from campaigns.store.database import Connection, DatabaseAwayError
from campaigns.store.launches import add_launch, control_launches, open_launches

NONCE_BYTES = 5


class Due(Struct, frozen=True):
    """What became of a campaign whose time had come.

    Attributes:
        campaign: As it is from now on; `refused` if it cannot be launched.
        due_at: When its time had come.
        skipped_from: The first of the recurring moments that were skipped; None if none was.
    """

    campaign: Campaign
    due_at: datetime
    skipped_from: datetime | None = None


class LaunchedAlreadyError(ConflictError):
    """There is a launch of the campaign for this planned moment."""


class NotLaunchedError(Exception):
    """A campaign whose time has come could not be launched this time; the next attempt may succeed.

    Attributes:
        campaign: Its number.
    """

    def __init__(self, campaign: int, problem: str) -> None:
        super().__init__(problem)
        self.campaign = campaign


async def take(connection: Connection, scope: Scope, service: Service, step: Step, now: datetime) -> Campaign:
    """Write what a step comes to, and return the campaign.

    Raises:
        LaunchedAlreadyError: The campaign has been launched for this moment already.
        ConflictError: Its segment is gone.
    """
    campaign = step.campaign
    if step.launch_for is not None:
        nonce = make_nonce(service.random(NONCE_BYTES))
        await _begin(connection, scope, campaign, moment=step.launch_for, now=now, nonce=nonce)
    if step.control is not None:
        open_ones = await open_launches(connection, campaign.id, campaign.site)
        await control_launches(connection, [controlled(each, step.control, now) for each in open_ones])
    await replace_campaign(connection, campaign)
    return campaign


async def _begin(
    connection: Connection, scope: Scope, campaign: Campaign, *, moment: datetime, now: datetime, nonce: str
) -> None:
    site = await the_site(connection, scope, campaign.site)
    target = await resolved(connection, scope, site.id, campaign.target)
    new = launch_of(
        campaign,
        defaults=site.defaults,
        target=target,
        moment=moment,
        now=now,
        nonce=nonce,
        targeted=await count_targeted(connection, site.id, target),
    )
    if await add_launch(connection, new, now) is None:
        raise LaunchedAlreadyError("The campaign has been launched for this moment already.")


async def launch_due_campaign(service: Service, now: datetime, besides: Iterable[int] = ()) -> Due | None:
    """Launch one campaign whose time has come; any number may do this at once.

    Args:
        service: What operations need.
        now: The moment.
        besides: None of these.

    Returns:
        What became of it; None if there is none whose time has come.

    Raises:
        NotLaunchedError: Its audience cannot be counted in time, or the database was lost over it.
        DatabaseAwayError: Nobody can tell whose time has come.
    """
    campaign = None
    try:
        async with service.begin() as connection:
            found = await find_due_campaign(connection, now, besides)
            if found is None:
                return None
            account, campaign = found
            scope = Scope(account, None, campaign.site, frozenset())
            return await _launch_or_refuse(connection, scope, service, campaign, now)
    except DatabaseAwayError as error:
        if campaign is None:
            raise
        raise NotLaunchedError(campaign.id, str(error)) from error


async def _launch_or_refuse(
    connection: Connection, scope: Scope, service: Service, campaign: Campaign, now: datetime
) -> Due:
    open_ones = await open_launches(connection, campaign.id, campaign.site)
    step = come_due(campaign, now, open_launches=len(open_ones)) or refuse(campaign, now)
    try:
        await take(connection, scope, service, step, now)
    except LaunchedAlreadyError:  # by somebody whose clock is ahead
        await replace_campaign(connection, step.campaign)
    except ConflictError:  # its segment is gone
        step = refuse(campaign, now)
        await take(connection, scope, service, step, now)
    return Due(step.campaign, campaign.due_at or now, step.skipped_from)
