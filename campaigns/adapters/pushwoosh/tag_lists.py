"""The list of tags: attributes that subscribers of any application have, or that were announced."""

from typing import Any

from msgspec import Struct

from campaigns.adapters.pushwoosh.applications import sites_of
from campaigns.adapters.pushwoosh.tags import SYSTEM, attribute_of, tag_of
from campaigns.adapters.pushwoosh.words import refused
from campaigns.adapters.routes import Call
from campaigns.model.attribute import Type, name_problem
from campaigns.operations import segments as operations
from campaigns.operations.announcing import announce_attribute

TYPES = {
    1: Type.NUMBER,
    2: Type.TEXT,
    3: Type.LIST,
    4: Type.DATE,
    5: Type.BOOLEAN,
    6: Type.NUMBER,
    7: Type.TEXT,
}
"""By the platform's number, ours: integer, string, list, date, boolean, decimal, version."""

NUMBERS = {Type.NUMBER: 6, Type.TEXT: 2, Type.LIST: 3, Type.DATE: 4, Type.BOOLEAN: 5}
"""By our type, the platform's number."""


class Tag(Struct, frozen=True, kw_only=True):
    """A tag, by its name and the number of its type."""

    name: str
    type: int = 2


class TagRequest(Struct, frozen=True, kw_only=True):
    """Which tag, if the call is about one."""

    auth: str | None = None
    tag: Tag | None = None


async def add(call: Call[Any, TagRequest]) -> dict[str, bool]:
    """Announce a tag to all applications, so that it is listed before a device has it."""
    tag = call.body.tag
    if tag is None:
        raise refused("tag", "must be given")
    kind, attribute = TYPES.get(tag.type), attribute_of(tag.name)
    if kind is None:
        raise refused("tag.type", "must be from 1 to 7")
    if tag.name in SYSTEM or not tag.name.strip() or name_problem(attribute):
        raise refused("tag.name", "is empty, too long, or the name of a tag that is there for everybody")
    async for keyed in sites_of(call):
        await announce_attribute(call.caller, call.service, keyed.site.id, attribute, kind)
    return {"result": True}


async def list_all(call: Call[Any, TagRequest]) -> dict[str, list[dict[str, Any]]]:
    """List tags, those of the platform first."""
    found = {tag: 4 if tag.startswith(("First", "Last")) else 2 for tag in SYSTEM}
    async for keyed in sites_of(call):
        for each in await operations.get_attributes(call.caller, call.service, keyed.site.id):
            found.setdefault(tag_of(each.name), NUMBERS[each.type])
    return {"tags": [{"name": name, "type": number} for name, number in found.items()]}
