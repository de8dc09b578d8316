"""SendPulse's push campaigns, which its API calls tasks: made and sent by one request, listed, counted."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from campaigns.adapters.reading import refuse_narrowing
from campaigns.adapters.routes import Call
from campaigns.adapters.sendpulse.adapter import MISSING
from campaigns.adapters.sendpulse.content import Shown, content_of, in_their_words, pictures_of
from campaigns.adapters.sendpulse.dates import read_since, read_start, read_until, said
from campaigns.adapters.sendpulse.filters import Filters, target_of
from campaigns.adapters.sendpulse.websites import host_of
from campaigns.adapters.sendpulse.wire import (
    PLATFORM,
    ListQuery,
    number_of,
    website_ids,
    zone_of,
)
from campaigns.model.campaign import Campaign, CampaignStatus, Plan
from campaigns.model.ids import Kind
from campaigns.model.launch import DEFAULT_STRETCH
from campaigns.model.problems import InvalidError, invalid
from campaigns.model.texts import NAME_MAX
from campaigns.operations.campaigns import CampaignDraft, get_campaign
from campaigns.operations.creating import SendingTo, create_and_launch, sending_to
from campaigns.operations.listing import Window, all_campaigns
from campaigns.operations.sites import get_site, one_site
from campaigns.operations.statistics import campaign_statistics

STRETCH_SECONDS = 18_000.0
"""What SendPulse spreads a campaign over where nobody says."""

TTL_MAX = 86_400

# SendPulse's document shows 13 and 3; the others are what its email campaigns have. It knows nothing of
# campaigns that recur, are paused or are cancelled.
STATUSES = {
    CampaignStatus.DRAFT: 26,
    CampaignStatus.SCHEDULED: 0,
    CampaignStatus.QUEUED: 13,
    CampaignStatus.SENDING: 2,
    CampaignStatus.RECURRING: 2,
    CampaignStatus.PAUSED: 2,
    CampaignStatus.DONE: 3,
    CampaignStatus.CANCELLED: 5,
    CampaignStatus.REFUSED: 5,
}


class TaskRequest(Shown, frozen=True, kw_only=True):
    """A campaign that is to be sent.

    Attributes:
        website_id: Whose subscribers it is for; needed by one of the two paths.
        ttl: Seconds that a push lives; 0: as usual.
        stretch_time: Seconds over which it is spread.
        send_date: When it begins.
        unknown: Names of other fields.
    """

    website_id: int | str | None = None
    ttl: int
    stretch_time: float | None = None
    send_date: str | None = None
    filter_lang: Any = None
    filter_browser: Any = None
    filter_browsers: Any = None
    filter_region: Any = None
    filter_url: Any = None
    filter: Any = None
    filter_subscription_date_from: str | None = None
    filter_subscription_date_to: str | None = None
    unknown: tuple[str, ...] = ()

    @property
    def filters(self) -> Filters:
        """Whom it is for."""
        return Filters(**{name: getattr(self, name) for name in Filters.__struct_fields__})


class TasksQuery(ListQuery, frozen=True, kw_only=True):
    """Which campaigns, the newest first.

    Attributes:
        since: Only those that began then or later.
        until: Only those that began then or before.
        website_id: Only this website's.
    """

    since: str | None = msgspec.field(default=None, name="from")
    until: str | None = msgspec.field(default=None, name="to")
    website_id: int | str | None = None


class CreatedTask(Struct, frozen=True, kw_only=True):
    """A campaign that is under way."""

    result: bool = True
    id: int


class ListedTask(Struct, frozen=True, kw_only=True):
    """A campaign in a list; `send_date` is what older clients know `since` as."""

    id: int
    title: str
    body: str
    website_id: int | str
    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")
    send_date: str
    status: int


class Message(Struct, frozen=True, kw_only=True):
    """What a campaign shows."""

    title: str
    text: str
    link: str


class TaskInfo(Struct, frozen=True, kw_only=True):
    """What came of a campaign; `send` is a number in a text, as clients read it."""

    id: int
    message: Message
    website: str
    website_id: int | str
    status: int
    send: str
    delivered: int
    redirect: int


async def create(call: Call[Any, TaskRequest]) -> CreatedTask:
    """Make a campaign, and send it."""
    website = call.body.website_id
    if website is None:
        raise invalid("website_id", MISSING)
    return await _send(call, await number_of(call, Kind.SITE, str(website)))


async def create_for_one_site(call: Call[Any, TaskRequest]) -> CreatedTask:
    """Make a campaign, and send it; the website need not be named where there is one alone."""
    if call.body.website_id is not None:
        return await create(call)
    return await _send(call, await one_site(call.caller, call.service))


async def _send(call: Call[Any, TaskRequest], site: int) -> CreatedTask:
    body = call.body
    refuse_narrowing(body.unknown)
    draft = _draft(call, await sending_to(call.caller, call.service, site))
    try:
        view = await create_and_launch(
            call.caller, call.service, site, draft, call.now, pictures=pictures_of(body)
        )
    except InvalidError as error:
        raise in_their_words(error) from None
    call.ignored(body.unknown)
    return CreatedTask(id=view.campaign.id)


def _draft(call: Call[Any, TaskRequest], place: SendingTo) -> CampaignDraft:
    body, zone = call.body, ZoneInfo(place.zone)
    if not 0 <= body.ttl <= TTL_MAX:
        raise invalid("ttl", f"must be from 0 to {TTL_MAX} seconds")
    return CampaignDraft(
        name=body.title[:NAME_MAX],
        target=target_of(body.filters, place.types, zone),
        content=content_of(body, place.site.url),
        plan=Plan(
            start_at=read_start(body.send_date, zone, call.now),
            stretch_time=body.stretch_time,
            ttl=body.ttl or None,
        ),
        adapter=PLATFORM,
        options={DEFAULT_STRETCH: STRETCH_SECONDS},
    )


async def list_all(call: Call[TasksQuery, None]) -> list[ListedTask]:
    """List campaigns."""
    query, zone = call.query, await zone_of(call)
    site = None if query.website_id is None else await number_of(call, Kind.SITE, str(query.website_id))
    window = Window(
        *query.bounds(), read_since(query.since, zone, "from"), read_until(query.until, zone, "to")
    )
    found = await all_campaigns(call.caller, call.service, window, site=site)
    ids = await website_ids(call, [campaign.site for campaign in found])
    return [_listed(campaign, ids[campaign.site], zone) for campaign in found]


def _listed(campaign: Campaign, website: int | str, zone: ZoneInfo) -> ListedTask:
    begins = campaign.plan.due_at or campaign.created_at
    return ListedTask(
        id=campaign.id,
        title=campaign.content.title,
        body=campaign.content.body or "",
        website_id=website,
        since=said(begins, zone),
        until=said(campaign.plan.ends_at or begins, zone),
        send_date=said(begins, zone),
        status=STATUSES[campaign.status],
    )


async def info(call: Call[Any, None]) -> TaskInfo:
    """Tell what came of a campaign: sent is what was attempted, delivered what push services accepted."""
    number = await number_of(call, Kind.CAMPAIGN, call.parameters["task"])
    campaign = (await get_campaign(call.caller, call.service, number)).campaign
    counted = await campaign_statistics(call.caller, call.service, number)
    site = (await get_site(call.caller, call.service, campaign.site)).site
    content = campaign.content
    return TaskInfo(
        id=campaign.id,
        message=Message(title=content.title, text=content.body or "", link=content.url),
        website=host_of(site.url),
        website_id=(await website_ids(call, [site.id]))[site.id],
        status=STATUSES[campaign.status],
        send=str(counted.attempted),
        delivered=counted.accepted,
        redirect=counted.clicked_anywhere,
    )
