"""Pushary's campaigns: made, changed, sent, paused, resumed, deleted, and what came of them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from campaigns.adapters.pushary.wire import (
    CONTENT,
    PLATFORM,
    Done,
    ListAnswer,
    ListQuery,
    content_of,
    ids_of,
    in_their_words,
    list_answer,
    named,
    number_of,
    said,
    target_part,
    to_the_second,
)
from campaigns.adapters.reading import refuse_narrowing
from campaigns.adapters.routes import Call
from campaigns.model.campaign import Campaign, CampaignStatus, Plan
from campaigns.model.ids import Kind, spell
from campaigns.model.problems import ConflictError, InvalidError, StatusError, invalid
from campaigns.model.scope import Scope
from campaigns.model.site import Site
from campaigns.model.statistics import Statistics
from campaigns.model.target import Everyone, InSegment, Target, target_tree
from campaigns.operations import campaigns as operations
from campaigns.operations.campaign_removal import remove_campaign
from campaigns.operations.campaigns import CampaignChanges, CampaignDraft, CampaignView
from campaigns.operations.creating import create_and_launch, sending_to
from campaigns.operations.revising import pause_running, revise_campaign
from campaigns.operations.service import Page, Service
from campaigns.operations.sites import one_site
from campaigns.operations.statistics import campaign_statistics, statistics_of

ACTIVE = "active"
STATUSES = {
    CampaignStatus.DRAFT: "draft",
    CampaignStatus.SCHEDULED: "scheduled",
    CampaignStatus.QUEUED: "sending",
    CampaignStatus.SENDING: "sending",
    CampaignStatus.RECURRING: ACTIVE,
    CampaignStatus.PAUSED: "paused",
    CampaignStatus.DONE: "completed",
    CampaignStatus.CANCELLED: "cancelled",
    CampaignStatus.REFUSED: "cancelled",
}
BECOMES = {
    "draft": CampaignStatus.DRAFT,
    "paused": CampaignStatus.PAUSED,
    "cancelled": CampaignStatus.CANCELLED,
}
"""The statuses that a change may ask for."""


class CampaignRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """A new campaign: a draft, or one that waits for its time.

    Attributes:
        name: For people.
        title: What is shown.
        body: What is shown.
        scheduled_at: When it is sent; none, or an empty text: when it is asked for.
        segment_id: Whom it is for; none: all active subscribers.
        tags: Those with one of these, instead.
        unknown: Names of other fields.
    """

    name: str
    title: str
    body: str
    icon_url: str | None = None
    image_url: str | None = None
    action_url: str | None = None
    scheduled_at: str | None = None
    segment_id: str | None = None
    tags: list[str] | None = None
    unknown: tuple[str, ...] = ()


class CampaignChange(Struct, frozen=True, kw_only=True, rename="camel"):
    """Changes to a campaign; what is left out stays, null takes a value away, as no text does a time."""

    name: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    body: str | UnsetType = UNSET
    icon_url: str | UnsetType | None = UNSET
    image_url: str | UnsetType | None = UNSET
    action_url: str | UnsetType | None = UNSET
    scheduled_at: str | UnsetType | None = UNSET
    status: str | UnsetType = UNSET
    unknown: tuple[str, ...] = ()


class CampaignAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """A campaign, and what has been counted of it so far."""

    id: str
    site_id: str
    name: str
    title: str
    body: str
    icon_url: str | None
    image_url: str | None
    action_url: str
    status: str
    scheduled_at: datetime | None
    segment_id: str | None
    tags: list[str]
    total_targeted: int
    total_sent: int
    total_delivered: int
    total_clicked: int
    created_at: datetime
    updated_at: datetime


class StatsAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of a campaign; rates are percentages, with two decimals."""

    total_sent: int
    total_delivered: int
    total_clicked: int
    total_failed: int
    delivery_rate: float
    click_rate: float


async def create(call: Call[Any, CampaignRequest]) -> CampaignAnswer:
    """Make a campaign."""
    body = call.body
    refuse_narrowing(body.unknown)
    site = await one_site(call.caller, call.service)
    place = (await sending_to(call.caller, call.service, site)).site
    starts = _start(body.scheduled_at, call.now)
    draft = CampaignDraft(
        name=body.name,
        target=await _target(call, body),
        content=content_of(content_fields(body), place.url),
        plan=Plan(start_at=starts),
        adapter=PLATFORM,
    )
    make = operations.create_campaign if starts is None else create_and_launch
    try:
        view = await make(call.caller, call.service, site, draft, call.now)
    except InvalidError as error:
        raise in_their_words(error) from None
    call.ignored(body.unknown)
    return await _one(call, view)


def _start(text: str | None, now: datetime) -> datetime | None:
    """Return when a campaign begins, in UTC if nothing is said; one in the past would go out at once."""
    if not text:
        return None
    try:
        given = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise invalid(
            "scheduledAt", "must be a date with a time (2026-01-15T09:00:00Z), or be left out"
        ) from None
    starts = given if given.tzinfo else given.replace(tzinfo=UTC)
    if starts <= now:
        raise invalid("scheduledAt", "has passed; choose a later time, or leave it out and send the campaign")
    return starts


async def _target(call: Call[Any, Any], body: CampaignRequest) -> Target:
    if body.segment_id is not None and body.tags is not None:
        raise invalid("tags", "must be left out where segmentId is given")
    if body.segment_id is not None:
        return InSegment(await named(call, Kind.SEGMENT, body.segment_id, "segmentId"))
    return Everyone() if body.tags is None else target_part("tags", body.tags, "tags")


def content_fields(body: Struct) -> Mapping[str, Any]:
    """Return those fields of a body that are content, by their names; what was left out is not there."""
    names = zip(body.__struct_encode_fields__, body.__struct_fields__, strict=True)
    given = {name: getattr(body, attribute) for name, attribute in names if name in CONTENT}
    return {name: value for name, value in given.items() if value is not UNSET}


async def list_all(call: Call[ListQuery, None]) -> ListAnswer[CampaignAnswer]:
    """List campaigns, the newest first."""
    site = await one_site(call.caller, call.service)
    page = await operations.get_campaigns(
        call.caller,
        call.service,
        site,
        before=call.query.position(Kind.CAMPAIGN),
        limit=call.query.most,
    )
    answers = await _answers(call, page.items)
    return list_answer(Page(answers, page.next), Kind.CAMPAIGN, lambda each: each)


async def get(call: Call[Any, None]) -> CampaignAnswer:
    """Answer with a campaign."""
    return await _one(call, await operations.get_campaign(call.caller, call.service, await _number(call)))


async def change(call: Call[Any, CampaignChange]) -> CampaignAnswer:
    """Change a campaign, or what becomes of it."""
    body = call.body
    refuse_narrowing(body.unknown)
    become = None if isinstance(body.status, UnsetType) else BECOMES.get(body.status)
    if become is None and body.status is not UNSET:
        raise invalid("status", f"must be one of {', '.join(BECOMES)}")
    plan: dict[str, Any] | UnsetType = UNSET
    if not isinstance(body.scheduled_at, UnsetType):
        plan = {"start_at": _start(body.scheduled_at, call.now)}

    def changes_of(site: Site, old: Campaign) -> CampaignChanges:
        given = content_fields(body)
        content = _changed(old, given, site.url) if given else UNSET
        return CampaignChanges(name=body.name, content=content, plan=plan)

    try:
        view = await revise_campaign(
            call.caller, call.service, await _number(call), changes_of, call.now, become=become
        )
    except InvalidError as error:
        raise in_their_words(error) from None
    call.ignored(body.unknown)
    return await _one(call, view)


def _changed(old: Campaign, given: Mapping[str, Any], website: str) -> dict[str, Any]:
    return changed_content(msgspec.to_builtins(old.content), given, website)


def changed_content(tree: dict[str, Any], given: Mapping[str, Any], website: str) -> dict[str, Any]:
    """Return content with other members, and without those that are null."""
    changed = {**tree, **{CONTENT[name]: value for name, value in given.items()}}
    left = {name: value for name, value in changed.items() if value is not None}
    return {"url": website, **left}


async def delete(call: Call[Any, None]) -> Done:
    """Delete a campaign that is not under way."""
    await remove_campaign(call.caller, call.service, await _number(call))
    return Done()


Act = Callable[[Scope, Service, int, datetime], Awaitable[CampaignView]]


def action(
    act: Act, needed: str, *, status: str | None = None
) -> Callable[[Call[Any, None]], Awaitable[CampaignAnswer]]:
    """Make a handler of an action.

    Args:
        act: The operation.
        needed: In which statuses it is possible, for people.
        status: What the answer says of a campaign that is under way; None: as everywhere.
    """

    async def handle(call: Call[Any, None]) -> CampaignAnswer:
        number = await _number(call)
        try:
            view = await act(call.caller, call.service, number, call.now)
        except StatusError:
            raise ConflictError(f"Campaign must have status {needed}.") from None
        answer = await _one(call, view)
        under_way = answer.status == "sending"
        return msgspec.structs.replace(answer, status=status) if status and under_way else answer

    return handle


send = action(operations.launch_campaign, "draft or scheduled")
pause = action(pause_running, "active or sending")
resume = action(operations.resume_campaign, "paused", status=ACTIVE)


async def stats(call: Call[Any, None]) -> StatsAnswer:
    """Tell what came of a campaign: sent is what was attempted, delivered what push services accepted."""
    return _stats(await campaign_statistics(call.caller, call.service, await _number(call)))


def _stats(counted: Statistics) -> StatsAnswer:
    return StatsAnswer(
        total_sent=counted.attempted,
        total_delivered=counted.accepted,
        total_clicked=counted.clicks.first,
        total_failed=counted.refused,
        delivery_rate=_percent(counted.accepted, counted.attempted),
        click_rate=_percent(counted.clicks.first, counted.accepted),
    )


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


async def _number(call: Call[Any, Any]) -> int:
    return await number_of(call, Kind.CAMPAIGN, call.parameters["campaign"])


async def _one(call: Call[Any, Any], view: CampaignView) -> CampaignAnswer:
    [answer] = await _answers(call, [view])
    return answer


async def _answers(call: Call[Any, Any], views: list[CampaignView]) -> list[CampaignAnswer]:
    counted = await statistics_of(call.service, views)
    sites = await ids_of(call, Kind.SITE, [view.campaign.site for view in views])
    targets = [view.campaign.target for view in views]
    numbers = [target.number for target in targets if isinstance(target, InSegment)]
    segments = await ids_of(call, Kind.SEGMENT, numbers)
    return [
        _answer(view.campaign, sites[view.campaign.site], segments, counted[view.campaign.id])
        for view in views
    ]


def _answer(
    campaign: Campaign, site: str, segments: Mapping[int, str], counted: Statistics
) -> CampaignAnswer:
    target, starts = campaign.target, campaign.plan.start_at
    return CampaignAnswer(
        id=spell(Kind.CAMPAIGN, campaign.id),
        site_id=site,
        name=campaign.name,
        status=STATUSES[campaign.status],
        scheduled_at=None if starts is None else to_the_second(starts),
        segment_id=segments[target.number] if isinstance(target, InSegment) else None,
        tags=target_tree(target).get("tags", []),
        total_targeted=counted.targeted,
        total_sent=counted.attempted,
        total_delivered=counted.accepted,
        total_clicked=counted.clicks.first,
        created_at=to_the_second(campaign.created_at),
        updated_at=to_the_second(campaign.updated_at),
        **said(campaign.content),
    )
