"""Truepush's templates and segments: listed and deleted; segments are made elsewhere."""

from typing import Any

import msgspec

from campaigns.adapters.reading import unknown_fields
from campaigns.adapters.routes import Call
from campaigns.adapters.truepush.content import Shown, content_tree
from campaigns.adapters.truepush.lists import PAGE_SIZE, listed, number_of, offset_of, spelled
from campaigns.adapters.truepush.words import Done
from campaigns.model.ids import Kind
from campaigns.model.target import parse_target
from campaigns.operations.segments import get_segments, remove_segment
from campaigns.operations.sites import one_site
from campaigns.operations.templates import create_template, get_templates, remove_template

FIRST = -1
"""What lists by number begin behind."""


class NewTemplate(
    Shown,
    frozen=True,
    kw_only=True,
    rename={"stays": "userInteraction", "stays_required": "userInteractionRequired"},
):
    """The body of `createTemplate`.

    Attributes:
        name: For people.
    """

    name: str


async def create(call: Call[Any, NewTemplate]) -> Done:
    """Add a template."""
    body = call.body
    call.ignored([*unknown_fields(msgspec.json.decode(call.request.body), NewTemplate)])
    site = await one_site(call.caller, call.service)
    options = {"tags": body.tags} if body.tags else {}
    if options:
        parse_target(options)  # what its triggers will be for
    made = await create_template(
        call.caller, call.service, site, body.name, content_tree(body), options=options
    )
    return Done(made=await spelled(call, Kind.TEMPLATE, made.id))


async def delete(call: Call[Any, None]) -> Done:
    """Delete a template."""
    number = await number_of(call, Kind.TEMPLATE, call.parameters["template"])
    await remove_template(call.caller, call.service, number)
    return Done()


async def list_page(call: Call[Any, None]) -> Done:
    """List templates."""
    offset, site = offset_of(call), await one_site(call.caller, call.service)
    page = await get_templates(call.caller, call.service, site, FIRST, PAGE_SIZE, offset=offset)
    return await listed(call, Kind.TEMPLATE, ((each.id, {"name": each.name}) for each in page.items))


async def delete_segment(call: Call[Any, None]) -> Done:
    """Delete a segment."""
    number = await number_of(call, Kind.SEGMENT, call.parameters["segment"])
    await remove_segment(call.caller, call.service, number)
    return Done()


async def list_segments(call: Call[Any, None]) -> Done:
    """List segments."""
    offset, site = offset_of(call), await one_site(call.caller, call.service)
    page = await get_segments(call.caller, call.service, site, FIRST, PAGE_SIZE, offset=offset)
    return await listed(call, Kind.SEGMENT, ((each.id, {"name": each.name}) for each in page.items))
