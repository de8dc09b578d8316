"""Segments and attributes in the words of the own API."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from campaigns.adapters.own.lists import ListAnswer, ListQuery, list_answer
from campaigns.adapters.own.wire import Answer, Condition, Request, SegmentId, SiteId
from campaigns.adapters.routes import Call
from campaigns.model.attribute import Type
from campaigns.model.condition import condition_tree, parse_condition
from campaigns.model.ids import Kind, spell
from campaigns.model.segment import Segment
from campaigns.operations import segments as operations
from campaigns.operations.segments import SegmentChanges


class SegmentRequest(Request, frozen=True, kw_only=True):
    """A new segment.

    Attributes:
        name: For people, once in a site.
        condition: What its subscribers meet.
    """

    name: str
    condition: Condition


class SegmentChange(Request, frozen=True, kw_only=True):
    """Changes to a segment; what is left out stays."""

    name: str | UnsetType = UNSET
    condition: Condition | UnsetType = UNSET


class SegmentAnswer(Answer, frozen=True, kw_only=True):
    """A segment: whoever meets its condition when a campaign is launched is in it."""

    id: SegmentId
    site: SiteId
    name: str
    condition: Condition
    created_at: datetime
    updated_at: datetime


class PreviewRequest(Request, frozen=True, kw_only=True):
    """A condition, to know how many meet it.

    Attributes:
        condition: The condition.
    """

    condition: Condition


class PreviewAnswer(Answer, frozen=True, kw_only=True):
    """How many meet a condition.

    Attributes:
        count: How many.
        exact: Whether they were counted; beyond 10,000 they are estimated.
    """

    count: int
    exact: bool


class AttributeAnswer(Answer, frozen=True, kw_only=True):
    """An attribute that a site's subscribers have.

    Attributes:
        name: Also the name of the variable.
        type: What it held first.
    """

    name: str
    type: Type


class AttributesAnswer(Answer, frozen=True, kw_only=True):
    """All attributes of a site."""

    data: list[AttributeAnswer]


async def create(call: Call[Any, SegmentRequest]) -> SegmentAnswer:
    """Add a segment."""
    condition = parse_condition(call.body.condition)
    return segment_answer(
        await operations.create_segment(
            call.caller, call.service, call.parameters["site"], call.body.name, condition
        )
    )


async def list_all(call: Call[ListQuery, None]) -> ListAnswer[SegmentAnswer]:
    """List a site's segments."""
    site, query = call.parameters["site"], call.query
    page = await operations.get_segments(call.caller, call.service, site, query.after, query.limit)
    return list_answer(page, segment_answer)


async def get(call: Call[Any, None]) -> SegmentAnswer:
    """Answer with a segment."""
    return segment_answer(await operations.get_segment(call.caller, call.service, call.parameters["segment"]))


async def change(call: Call[Any, SegmentChange]) -> SegmentAnswer:
    """Change a segment."""
    tree = call.body.condition
    changes = SegmentChanges(name=call.body.name, condition=UNSET if tree is UNSET else parse_condition(tree))
    number = call.parameters["segment"]
    return segment_answer(await operations.edit_segment(call.caller, call.service, number, changes, call.now))


async def delete(call: Call[Any, None]) -> None:
    """Delete a segment."""
    await operations.remove_segment(call.caller, call.service, call.parameters["segment"])


async def preview(call: Call[Any, PreviewRequest]) -> PreviewAnswer:
    """Count who would be in a segment."""
    condition = parse_condition(call.body.condition)
    size = await operations.preview_segment(call.caller, call.service, call.parameters["site"], condition)
    return PreviewAnswer(count=size.subscribers, exact=size.exact)


async def list_attributes(call: Call[Any, None]) -> AttributesAnswer:
    """List the attributes that a site's subscribers have."""
    found = await operations.get_attributes(call.caller, call.service, call.parameters["site"])
    return AttributesAnswer(data=[AttributeAnswer(name=each.name, type=each.type) for each in found])


def segment_answer(segment: Segment) -> SegmentAnswer:
    """Say a segment."""
    return SegmentAnswer(
        id=spell(Kind.SEGMENT, segment.id),
        site=spell(Kind.SITE, segment.site),
        name=segment.name,
        condition=condition_tree(segment.condition),
        created_at=segment.created_at,
        updated_at=segment.updated_at,
    )
