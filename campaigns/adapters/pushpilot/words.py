"""What PushPilot's requests and answers hold, and how campaigns are called there.

Source: PushPilot API (1.0.0), "Create a campaign" and "Update a campaign"; what it leaves open is in
campaigns/adapters/README.md.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from campaigns.adapters.pushpilot.notification import notification_tree
from campaigns.model.campaign import Campaign, CampaignStatus, is_finished
from campaigns.model.device import BROWSERS
from campaigns.model.problems import invalid
from campaigns.model.target import Target, parse_target

Short = Annotated[str, Meta(max_length=255)]
Country = Annotated[str, Meta(pattern="^[A-Za-z]{2}$")]

_PLATFORMS = {"desktop": ("desktop",), "mobile": ("mobile", "tablet")}
_BROWSERS = sorted({*BROWSERS.values()})
EVERYONE = {"all": True}


class Filters(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom a campaign is for; what is left out, or empty, is not asked. One that is not known is refused."""

    countries: Annotated[list[Country], Meta(max_length=250)] = []
    platforms: list[Literal["desktop", "mobile"]] = []
    browsers: Annotated[list[str], Meta(max_length=50)] = []


class Options(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What else is asked of a campaign.

    Attributes:
        query_params: Parameters that its URLs get.
        filters: Whom it is for.
    """

    query_params: Annotated[dict[str, str], Meta(max_length=50)] | None = None
    filters: Filters | None = None


class CampaignChange(Struct, frozen=True, kw_only=True, rename="camel"):
    """A campaign, or what is to be different about one; what is left out, or null, stays.

    Attributes:
        name: For people.
        description: For people.
        notification: What is shown.
        frequency: A cron expression; times are UTC's.
        start_at: When it begins; without an offset in UTC.
        ends_at: When it ends; likewise.
        options: See `Options`.
    """

    name: Short | None = None
    description: Short | None = None
    notification: dict[str, Any] | None = None
    frequency: str | None = None
    start_at: datetime | None = None
    ends_at: datetime | None = None
    options: Options | None = None


class NewCampaign(CampaignChange, frozen=True, kw_only=True, rename="camel"):
    """A new campaign, a draft until it is launched.

    Attributes:
        website_id: Whose it is.
    """

    website_id: str
    name: Short


class CampaignAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """A campaign; `status` says what `type` has no word for."""

    id: str
    name: str
    description: str
    website_id: str
    type: str
    status: str
    frequency: str | None
    start_at: str | None
    ends_at: str | None
    options: Any
    notification: dict[str, Any] | None
    created_at: str
    updated_at: str


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────────


def moment(given: datetime | None, field: str) -> datetime | None:
    """Return a time in UTC, which it is meant in without an offset.

    Raises:
        InvalidError: It is beyond all calendars.
    """
    if given is None:
        return None
    try:
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except OverflowError:
        raise invalid(field, "must be a time within 10 years") from None


def check_start(start_at: datetime | None, now: datetime) -> None:
    """Insist that a campaign begins today or later, by the date in UTC.

    Raises:
        InvalidError: It began before.
    """
    if start_at is not None and start_at.date() < now.astimezone(UTC).date():
        raise invalid("start_at", "must be today or later")


def said_moment(given: datetime | None) -> str | None:
    """Say a time as the samples do: UTC, with milliseconds and Z."""
    if given is None:
        return None
    return given.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ── whom it is for ──────────────────────────────────────────────────────────────────────────────────────────


def target_of(options: Options | None) -> Target:
    """Return whom a campaign with these options is for.

    Raises:
        InvalidError: A browser is not known.
    """
    filters = options.filters if options else None
    if filters is None:
        return parse_target(EVERYONE)
    unknown = {each.lower() for each in filters.browsers} - {*_BROWSERS}
    if unknown:
        raise invalid("target.browsers", f"has one that is not of {', '.join(_BROWSERS)}")
    platforms = [word for each in filters.platforms for word in _PLATFORMS[each]]
    asked = (("country", filters.countries), ("platform", platforms), ("browser", filters.browsers))
    parts = [{"field": field, "op": "in", "value": values} for field, values in asked if values]
    return parse_target({"condition": {"and": parts}} if parts else EVERYONE)


# ── how it is called ────────────────────────────────────────────────────────────────────────────────────────

_TYPES = {
    CampaignStatus.DRAFT: "draft",
    CampaignStatus.REFUSED: "draft",
    CampaignStatus.SCHEDULED: "planned",
    CampaignStatus.RECURRING: "recurring",
}
_OWN_STATUSES = frozenset({CampaignStatus.PAUSED, CampaignStatus.CANCELLED})


def type_of(campaign: Campaign) -> str:
    """Return PushPilot's word for how far a campaign has come; behind the launch it is `standard`."""
    if campaign.status is CampaignStatus.PAUSED and campaign.recurrence is not None:
        return "recurring"
    return _TYPES.get(campaign.status, "standard")


def campaign_answer(campaign: Campaign, *, id: str, website_id: str) -> CampaignAnswer:  # noqa: A002 - its name
    """Say a campaign.

    Args:
        campaign: The campaign.
        id: As PushPilot spells it.
        website_id: Of its site, likewise.
    """
    kept, word = campaign.options, type_of(campaign)
    notification = kept.get("notification")
    if notification is None and is_finished(campaign.content):
        notification = notification_tree(campaign.content)
    created_at, updated_at = said_moment(campaign.created_at), said_moment(campaign.updated_at)
    return CampaignAnswer(
        id=id,
        name=campaign.name,
        description=kept.get("description") or "",
        website_id=website_id,
        type=word,
        status=str(campaign.status) if campaign.status in _OWN_STATUSES else word,
        frequency=None if campaign.recurrence is None else campaign.recurrence.cron,
        start_at=said_moment(campaign.plan.start_at),
        ends_at=said_moment(campaign.plan.ends_at),
        options=kept.get("options"),
        notification=notification,
        created_at=created_at or "",
        updated_at=updated_at or "",
    )
