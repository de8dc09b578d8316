"""Messages and what came of them, as the platform's newer calls list them.

Outcomes are counted over all platforms together: each list of metrics has one row. Nothing is known here of
an inbox, nor of pushes that could not be shown.
"""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from msgspec import Meta, Struct

from campaigns.adapters.pushwoosh.applications import PLATFORM, application_number
from campaigns.adapters.pushwoosh.messages import STATUSES, message_number
from campaigns.adapters.pushwoosh.statistics import counts
from campaigns.adapters.pushwoosh.words import refused
from campaigns.adapters.routes import Call
from campaigns.model.campaign import Campaign
from campaigns.model.ids import Kind
from campaigns.model.platforms import platform_spelling
from campaigns.model.statistics import Statistics
from campaigns.operations.campaigns import cancel_campaign, get_campaign
from campaigns.operations.listing import Window, all_campaigns, count_all_campaigns
from campaigns.operations.statistics import campaign_statistics

PAGE_MAX = 1_000
WITH_METRICS_MAX = 100
"""Messages of a page whose metrics are told: each is counted by itself."""

WEB = "WEB"
"""What metrics over all browsers are said to be of."""


class DateRange(Struct, frozen=True):
    """Days, both of them included, in UTC."""

    date_from: date | None = None
    date_to: date | None = None


class Filters(Struct, frozen=True, kw_only=True):
    """Which messages."""

    application: str | None = None
    date_range: DateRange = DateRange()
    platforms: Any = None
    source: Any = None
    campaign: Any = None
    messages_ids: Any = None
    messages_codes: Any = None


class Parts(Struct, frozen=True):
    """What is told of each."""

    with_details: bool = False
    with_metrics: bool = False


class ListRequest(Struct, frozen=True, kw_only=True):
    """Which messages, and what of them."""

    auth: str | None = None
    filters: Filters
    params: Parts = Parts()
    per_page: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = PAGE_MAX
    page: Annotated[int, Meta(ge=0, le=2**31)] = 0

    def __repr__(self) -> str:
        return "ListRequest(…)"


class CodeRequest(Struct, frozen=True, kw_only=True):
    """Which message."""

    auth: str | None = None
    message_code: str
    platforms: list[int] | None = None

    def __repr__(self) -> str:
        return "CodeRequest(…)"


async def list_all(call: Call[Any, ListRequest]) -> dict[str, Any]:
    """List an application's messages, the newest first; pages are counted from 0."""
    body = call.body
    for name in ("platforms", "source", "campaign", "messages_ids", "messages_codes"):
        if getattr(body.filters, name):
            raise refused(f"filters.{name}", "is not known here; leave it out")
    if body.params.with_metrics and body.per_page > WITH_METRICS_MAX:
        raise refused("per_page", f"must be at most {WITH_METRICS_MAX} with metrics")
    site = await application_number(call, body.filters.application)
    since, until = _days(body.filters.date_range)
    window = Window(body.page * body.per_page, body.per_page, since, until)
    found = await all_campaigns(call.caller, call.service, window, site=site)
    total = await count_all_campaigns(call.caller, call.service, site, since=since, until=until)
    return {"total": total, "items": [await _told(call, each, body.params) for each in found]}


def _days(given: DateRange) -> tuple[datetime | None, datetime | None]:
    first, last = given.date_from, given.date_to
    return (
        None if first is None else datetime.combine(first, time.min, UTC),
        None if last is None else datetime.combine(last, time.max, UTC),
    )


async def _told(call: Call[Any, Any], campaign: Campaign, parts: Parts) -> dict[str, Any]:
    due_at = campaign.plan.start_at or campaign.plan.local_time or campaign.created_at
    content = campaign.content
    info: dict[str, Any] = {"follow_user_timezone": campaign.plan.local_time is not None}
    if parts.with_details:
        info["details"] = {"title": content.title, "content": content.body, "link": content.url}
    if parts.with_metrics:
        counted = await campaign_statistics(call.caller, call.service, campaign.id)
        info["metrics"] = [{**metrics(counted), "platform": WEB}]
    return {
        "id": campaign.id,
        "code": platform_spelling(PLATFORM, Kind.CAMPAIGN, campaign.id),
        "created_date": f"{campaign.created_at:%Y-%m-%d %H:%M:%S}",
        "send_date": f"{due_at:%Y-%m-%d %H:%M:%S}",
        "status": STATUSES[campaign.status],
        "platforms": [WEB],
        "source": "API",
        "push_info": info,
    }


def metrics(counted: Statistics) -> dict[str, int]:
    """Return what came of a message, by the names of the newer calls."""
    found = counts(counted)
    return {
        "sends": found["send"],
        "opens": found["open"],
        "deliveries": found["delivery"],
        "inbox_opens": 0,
        "unshowable_sends": 0,
        "errors": counted.refused,
    }


async def totals(call: Call[Any, CodeRequest]) -> dict[str, Any]:
    """Answer with what came of a message: one interval, that of its launch, with counts as texts."""
    if call.body.platforms:
        raise refused("platforms", "is not known here; leave it out: outcomes are counted together")
    number = await message_number(call, call.body.message_code)
    view = await get_campaign(call.caller, call.service, number)
    found = metrics(await campaign_statistics(call.caller, call.service, number))
    start = view.launches[0].start_at if view.launches else None
    rows = [] if start is None else [_row(start, found)]
    return {"metrics": rows, "conversion": {name: str(count) for name, count in found.items()}}


def _row(start: datetime, found: dict[str, int]) -> dict[str, Any]:
    texts = {name: str(count) for name, count in found.items()}
    return {"timestamp": f"{start:%Y-%m-%d %H:%M:%S}", "platform": 0, **texts}


async def cancel(call: Call[Any, CodeRequest]) -> None:
    """Cancel a message that has not ended."""
    number = await message_number(call, call.body.message_code)
    await cancel_campaign(call.caller, call.service, number, call.now)
