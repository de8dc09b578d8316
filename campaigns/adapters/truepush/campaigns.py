"""Truepush's campaigns: made and launched by one call, cancelled, counted, listed."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from campaigns.adapters.reading import refuse_narrowing, unknown_fields
from campaigns.adapters.routes import Call
from campaigns.adapters.truepush.content import Shown, content_tree
from campaigns.adapters.truepush.lists import PAGE_SIZE, PLATFORM, listed, number_of, offset_of, spelled
from campaigns.adapters.truepush.timings import DateAndTime, moment_in
from campaigns.adapters.truepush.words import Done
from campaigns.model.campaign import Plan
from campaigns.model.campaign_filter import CampaignFilter
from campaigns.model.condition import And, Comparison, Op
from campaigns.model.ids import Kind
from campaigns.model.problems import invalid
from campaigns.model.site import Site
from campaigns.model.target import InSegment, Meeting, Target, parse_target
from campaigns.model.texts import NAME_MAX
from campaigns.operations import steering
from campaigns.operations.campaign_lists import find_campaigns
from campaigns.operations.campaigns import CampaignDraft
from campaigns.operations.segments import get_segment
from campaigns.operations.sites import one_site
from campaigns.operations.statistics import campaign_statistics

HOURS_MAX = 24 * 365
SAME_MINUTE = timedelta(minutes=1)
LASTS_MIN = timedelta(minutes=1)
"""What is shorter is over before its pushes are sent, and would reach nobody."""


class NewCampaign(
    Shown,
    frozen=True,
    kw_only=True,
    rename={
        "expiry_hours": "campaignExpiryTime",
        "segment_too": "Segment",
        "stays": "userInteraction",
        "stays_required": "userInteractionRequired",
    },
):
    """The body of `createCampaign`.

    Attributes:
        scheduled: Whether it goes out at `timings`; else at once.
        timings: When.
        expiry_hours: Hours after which nobody is sent to, and a push lives no longer.
        segment: Only for who is in this one.
        segment_too: The same; the document has both.
    """

    scheduled: bool = False
    timings: DateAndTime | None = None
    expiry_hours: Annotated[float, Meta(gt=0, le=HOURS_MAX)] | None = None
    segment: str | None = None
    segment_too: str | None = None


async def create(call: Call[Any, NewCampaign]) -> Done:
    """Make and launch a campaign."""
    body = call.body
    unknown = [*unknown_fields(msgspec.json.decode(call.request.body), NewCampaign)]
    refuse_narrowing(unknown)
    call.ignored(unknown)
    if body.scheduled and body.timings is None:
        raise invalid("timings", "must be given where scheduled is true")
    site = await one_site(call.caller, call.service)
    target = await _target(call)

    def draft_for(found: Site) -> CampaignDraft:
        return CampaignDraft(
            name=body.title.strip()[:NAME_MAX] or "-",
            target=target,
            content=content_tree(body),
            plan=_plan(body, found.zone, call.now),
            adapter=str(PLATFORM),
        )

    view = await steering.create_for(call.caller, call.service, site, draft_for, call.now, launch=True)
    return Done(made=await spelled(call, Kind.CAMPAIGN, view.campaign.id))


async def _target(call: Call[Any, NewCampaign]) -> Target:
    tags, text = call.body.tags, call.body.segment or call.body.segment_too
    if not text:
        return parse_target({"tags": tags} if tags else {"all": True})
    number = await number_of(call, Kind.SEGMENT, text)
    segment = await get_segment(call.caller, call.service, number)
    if not tags:
        return InSegment(number)
    return Meeting(And((segment.condition, Comparison("tag", Op.IN, tuple(tags)))))


def _plan(body: NewCampaign, zone: str, now: datetime) -> Plan:
    start_at = None
    if body.scheduled and body.timings is not None:
        start_at = moment_in(body.timings.wall_time(), zone)
        if start_at <= now - SAME_MINUTE:
            raise invalid("timings", "must not have passed")
    if body.expiry_hours is None:
        return Plan(start_at=start_at)
    lasts = timedelta(hours=body.expiry_hours)
    if lasts < LASTS_MIN:
        raise invalid("campaignExpiryTime", "must be at least a minute, or be left out; it counts in hours")
    try:
        ends_at = (start_at or now) + lasts
    except OverflowError:
        raise invalid("timings.date", "must be within 10 years") from None
    return Plan(start_at=start_at, ttl=int(lasts.total_seconds()), ends_at=ends_at)


async def cancel(call: Call[Any, None]) -> Done:
    """Cancel a campaign of which nothing is sent yet."""
    number = await _number(call)
    await steering.check_recurrence(call.caller, call.service, number, recurs=False)
    await steering.cancel_unsent(call.caller, call.service, number, call.now)
    return Done()


async def stats(call: Call[Any, None]) -> Done:
    """Tell what came of a campaign."""
    found = await campaign_statistics(call.caller, call.service, await _number(call))
    return Done(
        {
            "Reach": found.targeted,
            "Sent": found.attempted,
            "Delivered": found.accepted,
            "Views": found.shown.first,
            "Clicks": found.clicks.first,
            "Button0": found.button_0.first,
            "Button1": found.button_1.first,
            "Unsubscribers": found.unsubscribed,
        }
    )


async def list_page(call: Call[Any, None]) -> Done:
    """List campaigns, the newest first."""
    offset, site = offset_of(call), await one_site(call.caller, call.service)
    wanted = CampaignFilter(site=site, recurring=False)
    found = await find_campaigns(call.caller, call.service, wanted, offset=offset, limit=PAGE_SIZE)
    rows = ((each.id, {"title": each.content.title}) for each in found.campaigns)
    return await listed(call, Kind.CAMPAIGN, rows)


async def _number(call: Call[Any, Any]) -> int:
    return await number_of(call, Kind.CAMPAIGN, call.parameters["campaign"])
