"""Campaigns and sends as the own API reads and says them."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from campaigns.adapters.own.wire import (
    Answer,
    CampaignId,
    Content,
    LaunchName,
    Request,
    SiteId,
    Target,
    TemplateId,
)
from campaigns.model.campaign import CampaignStatus, Plan
from campaigns.model.ids import Kind, spell
from campaigns.model.site import TrackClicks
from campaigns.model.target import target_tree
from campaigns.operations.campaigns import CampaignView
from worker.records.job import Urgency
from worker.records.notification import Notification

StartAt = Annotated[datetime, Meta(tz=True, description="When the first recipient is due.")]
LocalTime = Annotated[datetime, Meta(tz=False, description="Wall time in each subscriber's own zone.")]
Seconds = Annotated[float, Meta(ge=0, description="Seconds over which recipients are spread.")]
Ttl = Annotated[int, Meta(ge=0, description="Seconds that a push lives from its own due time.")]
EndsAt = Annotated[datetime, Meta(tz=True, description="Nothing is sent after this moment.")]
Topic = Annotated[str, Meta(description="Replaces what waits at the push service (RFC 8030 section 5.4).")]


class CampaignRequest(Request, frozen=True, kw_only=True):
    """A new campaign: a draft, until it is launched. Give `content` or `template`.

    Attributes:
        name: For people.
        content: What is shown.
        template: Whose content is copied.
        target: Whom it is for.
        urgency: RFC 8030 section 5.3.
        track_clicks: How clicks are counted; by default as the site says.
    """

    name: str
    content: Content | None = None
    template: TemplateId | None = None
    target: Target
    start_at: StartAt | None = None
    local_time: LocalTime | None = None
    stretch_time: Seconds | None = None
    ttl: Ttl | None = None
    ends_at: EndsAt | None = None
    urgency: Urgency | None = None
    topic: Topic | None = None
    track_clicks: TrackClicks | None = None


class CampaignChange(Request, frozen=True, kw_only=True):
    """Changes to a campaign that is not launched yet; what is left out stays, null takes a value away."""

    name: str | UnsetType = UNSET
    content: Content | UnsetType = UNSET
    target: Target | UnsetType = UNSET
    start_at: StartAt | UnsetType | None = UNSET
    local_time: LocalTime | UnsetType | None = UNSET
    stretch_time: Seconds | UnsetType | None = UNSET
    ttl: Ttl | UnsetType | None = UNSET
    ends_at: EndsAt | UnsetType | None = UNSET
    urgency: Urgency | UnsetType | None = UNSET
    topic: Topic | UnsetType | None = UNSET
    track_clicks: TrackClicks | UnsetType = UNSET


class CampaignAnswer(Answer, frozen=True, kw_only=True):
    """A campaign.

    Attributes:
        id: Its id.
        site: Whose subscribers it is for.
        status: How far it has come.
        launches: Its sendings, the oldest first; each has statistics of its own.
    """

    id: CampaignId
    site: SiteId
    name: str
    status: CampaignStatus
    content: Notification
    template: TemplateId | None
    target: Target
    start_at: datetime | None
    local_time: datetime | None
    stretch_time: float | None
    ttl: int | None
    ends_at: datetime | None
    urgency: Urgency | None
    topic: str | None
    track_clicks: TrackClicks
    launches: list[LaunchName]
    created_at: datetime
    updated_at: datetime


class SendRequest(Request, frozen=True, kw_only=True):
    """A small send, to at most 1,000 recipients, at once.

    Attributes:
        content: What is shown.
        target: Whom it is for.
        urgency: RFC 8030 section 5.3.
        track_clicks: How clicks are counted; by default as the site says.
    """

    content: Content
    target: Target
    ttl: Ttl | None = None
    urgency: Urgency | None = None
    topic: Topic | None = None
    track_clicks: TrackClicks | None = None


class TestRequest(Request, frozen=True, kw_only=True):
    """Whom a campaign is sent to before it is launched.

    Attributes:
        target: At most 1,000 of them, one by one or by external id.
    """

    __test__ = False

    target: Target


class SendAnswer(Answer, frozen=True, kw_only=True):
    """What a send has begun.

    Attributes:
        launch: Its id, with statistics of its own.
        targeted: To how many.
    """

    launch: LaunchName
    targeted: int


def plan_of(request: CampaignRequest | SendRequest) -> Plan:
    """Return when a request wants to be sent, and how long a push lives."""
    return Plan(**{name: getattr(request, name, None) for name in Plan.__struct_fields__})


def plan_changes(change: CampaignChange) -> dict[str, Any]:
    """Return what is to be different about a plan, by name."""
    given = {name: getattr(change, name, UNSET) for name in Plan.__struct_fields__}
    return {name: value for name, value in given.items() if value is not UNSET}


def campaign_answer(view: CampaignView) -> CampaignAnswer:
    """Say a campaign."""
    campaign = view.campaign
    plan = {
        name: getattr(campaign.plan, name)
        for name in Plan.__struct_fields__
        if name in CampaignAnswer.__struct_fields__
    }
    return CampaignAnswer(
        id=spell(Kind.CAMPAIGN, campaign.id),
        site=spell(Kind.SITE, campaign.site),
        name=campaign.name,
        status=campaign.status,
        content=campaign.content,
        template=None if campaign.template is None else spell(Kind.TEMPLATE, campaign.template),
        target=target_tree(campaign.target),
        track_clicks=campaign.track_clicks,
        launches=[launch.launch_id for launch in view.launches],
        created_at=campaign.created_at,
        updated_at=campaign.updated_at,
        **plan,
    )
