"""What follows from an action on a campaign: a launch begins, or its open ones are told what is wanted."""

from collections.abc import Iterable
from datetime import datetime

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
        ConflictError: The campaign has been launched for this moment already, or its segment is gone.
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
        raise ConflictError("The campaign has been launched for this moment already.")


async def launch_due_campaign(
    service: Service, now: datetime, besides: Iterable[int] = ()
) -> Campaign | None:
    """Launch one scheduled campaign whose time has come, however long ago; any number may do this at once.

    Args:
        service: What operations need.
        now: The moment.
        besides: None of these.

    Returns:
        The campaign, `refused` if it cannot be launched; None if there is none whose time has come.

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
) -> Campaign:
    step = come_due(campaign, now) or refuse(campaign, now)
    try:
        return await take(connection, scope, service, step, now)
    except ConflictError:  # its segment is gone
        return await take(connection, scope, service, refuse(campaign, now), now)
