"""Small sends: content to a few subscribers, without a campaign of its own."""

from datetime import datetime

from msgspec import Struct

from campaigns.model.campaign import Campaign, Plan, is_finished
from campaigns.model.content import with_campaign_id
from campaigns.model.ids import Kind, make_nonce, spell
from campaigns.model.launch import Launch, send_of
from campaigns.model.plan_problems import plan_problems
from campaigns.model.problems import ConflictError, reject
from campaigns.model.scope import Permission, Scope
from campaigns.model.site import Site, TrackClicks
from campaigns.model.target import Target
from campaigns.operations.audience import check_target, few_members, resolved
from campaigns.operations.checking import checked
from campaigns.operations.finding import the_campaign, the_site
from campaigns.operations.launching import NONCE_BYTES
from campaigns.operations.service import Service
from campaigns.store.database import Connection
from campaigns.store.launches import add_launch
from campaigns.store.outbox import add_to_outbox
from worker.records.notification import Notification

URGENT_MAX = 10
"""Recipients of a send that is served before all campaigns."""


class SendDraft(Struct, frozen=True, kw_only=True):
    """What is to be sent.

    Attributes:
        content: A notification as JSON, decoded.
        target: Whom to.
        plan: How long it lives; it goes at once, so it has no start.
        track_clicks: How clicks are counted; None: as the site does by default.
    """

    content: object
    target: Target
    plan: Plan = Plan()
    track_clicks: TrackClicks | None = None


class Sent(Struct, frozen=True):
    """A launch that is about to be written, and how many it is for."""

    launch: Launch
    targeted: int


async def send(scope: Scope, service: Service, site_number: int, draft: SendDraft, now: datetime) -> Sent:
    """Send content to at most 1,000 subscribers, at once.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
        InvalidError: Something is wrong, the content cannot be sent, or they are too many.
    """
    scope.require(Permission.SEND)
    reject(plan_problems(draft.plan, now))
    async with service.begin() as connection:
        site = await the_site(connection, scope, site_number)
        track_clicks = draft.track_clicks or site.defaults.track_clicks
        content = await checked(connection, service, site, draft.content, track_clicks)
        await check_target(connection, scope, site.id, draft.target)
        return await _send(
            connection,
            scope,
            service,
            site,
            content=content,
            target=draft.target,
            plan=draft.plan,
            track_clicks=track_clicks,
            now=now,
        )


async def send_test(scope: Scope, service: Service, number: int, target: Target, now: datetime) -> Sent:
    """Send a campaign's content to a few, whatever its status; what comes of it is not the campaign's.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It has no content yet, or its segment is gone.
        InvalidError: They are too many.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number)
        if not is_finished(campaign.content):
            raise ConflictError("The campaign has no notification yet; give it one with a title first.")
        site = await the_site(connection, scope, campaign.site)
        await check_target(connection, scope, site.id, target)
        content = with_campaign_id(campaign.content, spell(Kind.CAMPAIGN, campaign.id))
        return await _send(
            connection,
            scope,
            service,
            site,
            content=content,
            target=target,
            plan=_without_times(campaign),
            track_clicks=campaign.track_clicks,
            now=now,
        )


def _without_times(campaign: Campaign) -> Plan:
    plan = campaign.plan
    return Plan(ttl=plan.ttl, urgency=plan.urgency, topic=plan.topic)


async def _send(
    connection: Connection,
    scope: Scope,
    service: Service,
    site: Site,
    *,
    content: Notification,
    target: Target,
    plan: Plan,
    track_clicks: TrackClicks,
    now: datetime,
) -> Sent:
    target = await resolved(connection, scope, site.id, target)
    members = await few_members(connection, site.id, target)
    new = send_of(
        site.id,
        content=content,
        target=target,
        plan=plan,
        defaults=site.defaults,
        now=now,
        nonce=make_nonce(service.random(NONCE_BYTES)),
        targeted=len(members),
        track_clicks=track_clicks,
    )
    launch = await add_launch(connection, new, now, by_outbox=True)
    if launch is None:
        raise ConflictError("This has been sent already.")
    await add_to_outbox(connection, launch, members, urgent=len(members) <= URGENT_MAX)
    return Sent(launch, len(members))
