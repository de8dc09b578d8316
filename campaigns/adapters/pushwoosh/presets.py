"""Presets, which are templates: what is shown, and neither when nor to whom."""

from typing import Any

import msgspec
from msgspec import Struct, field

from campaigns.adapters.pushwoosh.applications import PLATFORM, application_number
from campaigns.adapters.pushwoosh.contents import shown
from campaigns.adapters.pushwoosh.message_fields import Localized, Message
from campaigns.adapters.pushwoosh.placeholders import Placeholders
from campaigns.adapters.pushwoosh.platforms import platforms_condition
from campaigns.adapters.pushwoosh.words import ALWAYS, refused
from campaigns.adapters.routes import Call
from campaigns.model.ids import Kind
from campaigns.model.template import Template
from campaigns.operations import templates as operations
from campaigns.operations.aliases import resolve, spellings
from campaigns.operations.creating import sending_to
from campaigns.operations.service import PAGE_MAX


class Action(Struct, frozen=True):
    """What a click does: `url` opens one."""

    type: str = "url"
    options: dict[str, Any] = {}


class Content(Struct, frozen=True, kw_only=True):
    """What a preset shows."""

    message: Localized = None
    title: Localized = None
    action: Action | None = None
    user_data: Any = field(default=None, name="userData")


class PresetRequest(Struct, frozen=True, kw_only=True):
    """A new preset."""

    auth: str | None = None
    name: str | None = None
    application: str | None = field(default=None, name="applicationCode")
    group: str | None = field(default=None, name="applicationGroupCode")
    content: Content = Content()
    scheduling: dict[str, Any] = {}
    segmentation: dict[str, Any] = {}

    def __repr__(self) -> str:
        return "PresetRequest(…)"


class PresetName(Struct, frozen=True, kw_only=True):
    """Which preset, or those of which application."""

    auth: str | None = None
    preset_code: str = ""
    application: str | None = None

    def __repr__(self) -> str:
        return "PresetName(…)"


async def create(call: Call[Any, PresetRequest]) -> dict[str, str]:
    """Add a preset."""
    body = call.body
    if body.group:
        raise refused("applicationGroupCode", "is not known here; give an applicationCode")
    if not body.name:
        raise refused("name", "must be given")
    _refuse_what_narrows(body)
    number = await application_number(call, body.application)
    site = (await sending_to(call.caller, call.service, number)).site
    placeholders = Placeholders()
    made = shown(_message(body.content), site.name, site.url, placeholders, "content")
    if made.translations:
        raise refused("content.message", "has several languages, which a preset does not keep here")
    if placeholders.conditions:
        raise refused(
            "content.message", "has a placeholder without a default, which would narrow the audience"
        )
    added = await operations.create_template(call.caller, call.service, number, body.name, made.content)
    return {"preset_code": (await _codes(call, [added]))[added.id]}


def _refuse_what_narrows(body: PresetRequest) -> None:
    if body.scheduling.get("sendRate"):
        raise refused("scheduling.sendRate", "is not kept with a preset here; give each message a send_rate")
    if body.segmentation.get("filter"):
        raise refused("segmentation.filter", "is not kept with a preset here; give each message a filter")
    platforms = body.segmentation.get("platforms")
    if platforms is None:
        return
    if not isinstance(platforms, list) or not all(isinstance(each, int) for each in platforms):
        raise refused("segmentation.platforms", "must be a list of numbers")
    if platforms_condition(platforms, "segmentation.platforms") != ALWAYS:
        raise refused("segmentation.platforms", "must have 10, 11 and 12; give each message its platforms")


def _message(content: Content) -> Message:
    action = content.action or Action()
    url = action.options.get("url")
    if action.type not in {"url", "openApp"}:
        raise refused("content.action.type", "must be url: browsers open nothing else")
    if url is not None and not isinstance(url, str):
        raise refused("content.action.options.url", "must be a text")
    return Message(content=content.message, title=content.title, link=url, data=content.user_data)


async def get(call: Call[Any, PresetName]) -> dict[str, Any]:
    """Tell a preset."""
    template = await operations.get_template(call.caller, call.service, await _number(call))
    return _told(template, (await _codes(call, [template]))[template.id])


async def list_all(call: Call[Any, PresetName]) -> dict[str, list[dict[str, Any]]]:
    """List an application's presets."""
    site = await application_number(call, call.body.application)
    found: list[Template] = []
    after: int | None = 0
    while after is not None:
        page = await operations.get_templates(call.caller, call.service, site, after, PAGE_MAX)
        found, after = found + page.items, page.next
    codes = await _codes(call, found)
    return {"presets": [_told(each, codes[each.id]) for each in found]}


async def delete(call: Call[Any, PresetName]) -> None:
    """Delete a preset."""
    await operations.remove_template(call.caller, call.service, await _number(call))


async def _number(call: Call[Any, PresetName]) -> int:
    return await resolve(call.caller, call.service, Kind.TEMPLATE, PLATFORM, call.body.preset_code)


async def _codes(call: Call[Any, Any], templates: list[Template]) -> dict[int, str]:
    numbers = [each.id for each in templates]
    return await spellings(call.caller, call.service, Kind.TEMPLATE, PLATFORM, numbers)


def _told(template: Template, code: str) -> dict[str, Any]:
    content = template.content
    return {
        "preset_code": code,
        "name": template.name,
        "content": {
            "message": content.body,
            "title": content.title,
            "action": {"type": "url", "options": {"url": content.url}},
            "userData": msgspec.to_builtins(content.data),
        },
    }
