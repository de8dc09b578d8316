"""Messages, which are campaigns: made and launched by one call, told, taken back."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct

from campaigns.adapters.pushwoosh.applications import PLATFORM, application_number
from campaigns.adapters.pushwoosh.audiences import target_of
from campaigns.adapters.pushwoosh.contents import shown
from campaigns.adapters.pushwoosh.devices_filter import parse_devices_filter
from campaigns.adapters.pushwoosh.message_fields import Message, read_message, repeat_key
from campaigns.adapters.pushwoosh.placeholders import Placeholders
from campaigns.adapters.pushwoosh.schedules import moment_of, plan_of
from campaigns.adapters.pushwoosh.words import refused
from campaigns.adapters.routes import Call
from campaigns.model.campaign import CampaignStatus
from campaigns.model.condition import Condition
from campaigns.model.ids import Kind
from campaigns.model.platforms import platform_spelling
from campaigns.operations.aliases import resolve
from campaigns.operations.campaigns import CampaignDraft, CampaignView, get_campaign
from campaigns.operations.creating import create_and_launch_all, sending_to
from campaigns.operations.withdrawing import withdraw_campaign

MESSAGES_MAX = 100
"""Notifications of one call."""

NAME_MAX = 255
_BESIDES = frozenset({"auth", "devices_filter", "application"})

_S = CampaignStatus
STATUSES = {
    _S.DRAFT: "waiting",
    _S.SCHEDULED: "waiting",
    _S.RECURRING: "waiting",
    _S.PAUSED: "waiting",
    _S.QUEUED: "pending",
    _S.SENDING: "processing",
    _S.DONE: "done",
    _S.CANCELLED: "cancelled",
    _S.REFUSED: "cancelled",
}
"""By our status, the platform's word. Source: its page of the messaging API v2, of cancelling."""


class CreateMessageRequest(Struct, frozen=True, kw_only=True):
    """Messages to one application.

    Attributes:
        auth: The token.
        application: The code of the application.
        applications_group: Of several, which are not known here.
        notifications: The messages.
    """

    auth: str | None = None
    application: str | None = None
    applications_group: str | None = None
    notifications: list[dict[str, Any]]

    def __repr__(self) -> str:
        return "CreateMessageRequest(…)"


class MessageRequest(Struct, frozen=True, kw_only=True):
    """Which message."""

    auth: str | None = None
    message: str

    def __repr__(self) -> str:
        return "MessageRequest(…)"


def repeat_key_of(body: CreateMessageRequest) -> str | None:
    """Return the client's own word for a request, by which it is done once."""
    return repeat_key(body.notifications)


def targeted_repeat_key_of(body: dict[str, Any]) -> str | None:
    """Return the client's own word for a request, by which it is done once."""
    return repeat_key([body])


async def create(call: Call[Any, CreateMessageRequest]) -> dict[str, list[str]]:
    """Make messages and launch them: all of them, or none."""
    body = call.body
    if body.applications_group and not body.application:
        raise refused("applications_group", "is not known here; give an application")
    site = await application_number(call, body.application)
    if not 0 < len(body.notifications) <= MESSAGES_MAX:
        raise refused("notifications", f"must be a list of 1 to {MESSAGES_MAX} messages")
    drafts = [
        await _draft(call, site, given, f"notifications[{index}]", None)
        for index, given in enumerate(body.notifications)
    ]
    return {"Messages": await _launch(call, site, drafts)}


async def create_targeted(call: Call[Any, dict[str, Any]]) -> dict[str, str]:
    """Make a message to whom an expression means."""
    body, text = call.body, call.body.get("devices_filter")
    if not isinstance(text, str):
        raise refused("devices_filter", "must be a text")
    read = parse_devices_filter(text, call.now)
    site = await filtered_application(call, read.applications, body.get("application"))
    draft = await _draft(call, site, body, "", read.condition)
    return {"MessageCode": (await _launch(call, site, [draft]))[0]}


async def filtered_application(call: Call[Any, Any], codes: tuple[str, ...], beside: object) -> int:
    """Return the number of the one application that an expression is about.

    Raises:
        RefusedError: It names none, or several, or there is none.
    """
    if len(codes) > 1:
        raise refused("devices_filter", "names several applications; send to each of them")
    code = codes[0] if codes else beside
    if not isinstance(code, str):
        raise refused("devices_filter", 'names no application; add A("XXXXX-XXXXX") *')
    return await application_number(call, code)


async def _draft(
    call: Call[Any, Any], site: int, given: dict[str, Any], field: str, condition: Condition | None
) -> CampaignDraft:
    message, ignored = read_message(given, field, _BESIDES if condition is not None else frozenset())
    call.ignored(ignored)
    placeholders = Placeholders(message.dynamic_content_placeholders)
    found = (await sending_to(call.caller, call.service, site)).site
    plan = plan_of(message, call.service.zones, call.now, field)
    template, content, translations = None, None, {}
    if message.preset and not (message.content or message.title):
        template = await resolve(call.caller, call.service, Kind.TEMPLATE, PLATFORM, message.preset)
    else:
        made = shown(message, found.name, found.url, placeholders, field)
        content, translations = made.content, made.translations
    needed = [*placeholders.conditions, *([condition] if condition is not None else [])]
    return CampaignDraft(
        name=_name(message, call.now),
        target=await target_of(call, site, message, needed=needed, at=moment_of(plan, call.now), field=field),
        template=template,
        plan=plan,
        translations=translations,
        adapter=PLATFORM,
        options=_options(message),
        content=UNSET if content is None else content,
    )


def _name(message: Message, now: datetime) -> str:
    return (message.campaign or "").strip()[:NAME_MAX] or f"Message of {now:%Y-%m-%d %H:%M:%S} UTC"


def _options(message: Message) -> dict[str, Any]:
    """Return what a message is told with again, and what nothing else here needs."""
    names = ("campaign", "filter", "conditions", "platforms")
    return {name: getattr(message, name) for name in names if getattr(message, name)}


async def _launch(call: Call[Any, Any], site: int, drafts: list[CampaignDraft]) -> list[str]:
    views = await create_and_launch_all(call.caller, call.service, site, drafts, call.now)
    return [code_of(view) for view in views]


def code_of(view: CampaignView) -> str:
    """Return a message's code."""
    return platform_spelling(PLATFORM, Kind.CAMPAIGN, view.campaign.id)


async def message_number(call: Call[Any, Any], code: str) -> int:
    """Return the number of the campaign that a message is; raises NotFoundError where it can be none."""
    return await resolve(call.caller, call.service, Kind.CAMPAIGN, PLATFORM, code)


async def get_details(call: Call[Any, MessageRequest]) -> dict[str, Any]:
    """Tell a message."""
    number = await message_number(call, call.body.message)
    view = await get_campaign(call.caller, call.service, number)
    campaign = view.campaign
    due_at = campaign.plan.start_at or campaign.plan.local_time or campaign.created_at
    by_language = {language: each.body for language, each in campaign.translations.items()}
    return {
        "message": {
            "code": code_of(view),
            "created": f"{campaign.created_at:%Y-%m-%d %H:%M:%S}",
            "send_date": f"{due_at:%Y-%m-%d %H:%M:%S}",
            "status": STATUSES[campaign.status],
            "content": {"default": campaign.content.body, **by_language},
            "title": campaign.content.title,
            "link": campaign.content.url,
            "platforms": campaign.options.get("platforms", []),
            "conditions": campaign.options.get("conditions", []),
            "filter": campaign.options.get("filter"),
            "campaign": campaign.options.get("campaign"),
        }
    }


async def delete(call: Call[Any, MessageRequest]) -> None:
    """Cancel a message that has not been sent, and forget one that has."""
    number = await message_number(call, call.body.message)
    await withdraw_campaign(call.caller, call.service, number, call.now)
