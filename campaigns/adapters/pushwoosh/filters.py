"""Filters, which are segments: each is of one application, and its name is looked for in all of a token's."""

from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

from campaigns.adapters.pushwoosh.applications import PLATFORM, application_number, sites_of
from campaigns.adapters.pushwoosh.conditions import OPERATORS, read_conditions
from campaigns.adapters.pushwoosh.devices_filter import DevicesFilter, parse_devices_filter
from campaigns.adapters.pushwoosh.tags import SYSTEM, tag_of
from campaigns.adapters.pushwoosh.words import refused
from campaigns.adapters.routes import Call
from campaigns.model.condition import And, Comparison, Condition, Not, Op, Or
from campaigns.model.ids import Kind
from campaigns.model.problems import NotFoundError
from campaigns.model.segment import Segment
from campaigns.operations import segments as operations
from campaigns.operations.aliases import spellings
from campaigns.operations.service import PAGE_MAX


class FilterRequest(Struct, frozen=True, kw_only=True):
    """A filter: by conditions as of old, or by an expression, which wins."""

    auth: str | None = None
    name: str | None = None
    application: str | None = None
    conditions: list[Any] | None = None
    operator: str = "AND"
    filter_expression: str | None = None
    expiration_date: str | None = None

    def __repr__(self) -> str:
        return "FilterRequest(…)"


class CompileRequest(Struct, frozen=True, kw_only=True):
    """An expression that is to be tried."""

    auth: str | None = None
    devices_filter: str

    def __repr__(self) -> str:
        return "CompileRequest(…)"


async def create(call: Call[Any, FilterRequest]) -> dict[str, str]:
    """Add a filter to an application."""
    body = call.body
    if not body.name:
        raise refused("name", "must be given")
    if body.expiration_date:
        raise refused("expiration_date", "is not known here; delete the filter when it is no longer needed")
    read = _read(body)
    number = await _application(call, read.applications, body.application)
    segment = await operations.create_segment(call.caller, call.service, number, body.name, read.condition)
    return {"name": segment.name}


def _read(body: FilterRequest) -> DevicesFilter:
    if body.filter_expression:
        return parse_devices_filter(body.filter_expression, None, "filter_expression")
    return DevicesFilter((), read_conditions(body.conditions or [], body.operator, None, "conditions"))


async def _application(call: Call[Any, Any], codes: tuple[str, ...], beside: str | None) -> int:
    """Return the number of the application that a filter is of: named, or the only one."""
    if len(codes) > 1:
        raise refused("filter_expression", "names several applications; make a filter for each of them")
    code = codes[0] if codes else beside
    if code:
        return await application_number(call, code)
    sites = [each async for each in sites_of(call)]
    if len(sites) != 1:
        raise refused("application", "must be given: the token may use several, or none")
    return sites[0].site.id


async def list_all(call: Call[Any, FilterRequest]) -> dict[str, list[dict[str, Any]]]:
    """List the filters of all applications."""
    found = [each async for each in _segments(call)]
    numbers = [each.site for each in found]
    codes = await spellings(call.caller, call.service, Kind.SITE, PLATFORM, numbers)
    filters = [
        {
            "name": each.name,
            "conditions": condition_text(each.condition),
            "application": codes[each.site],
            "expiration_date": None,
        }
        for each in found
    ]
    return {"filters": filters}


async def delete(call: Call[Any, FilterRequest]) -> None:
    """Delete a filter by its name, of the only application that has one of it."""
    named = [each async for each in _segments(call) if each.name == call.body.name]
    if call.body.application:
        site = await application_number(call, call.body.application)
        named = [each for each in named if each.site == site]
    if not named:
        raise NotFoundError("segment")
    if len(named) > 1:
        raise refused("name", "is that of filters of several applications; give the application, too")
    await operations.remove_segment(call.caller, call.service, named[0].id)


async def compile_filter(call: Call[Any, CompileRequest]) -> dict[str, Any]:
    """Count whom an expression means."""
    text = call.body.devices_filter
    read = parse_devices_filter(text, call.now)
    number = await _application(call, read.applications, None)
    size = await operations.preview_segment(call.caller, call.service, number, read.condition)
    return {"devices": size.subscribers, "devices_filter": text}


async def _segments(call: Call[Any, Any]) -> AsyncIterator[Segment]:
    async for keyed in sites_of(call):
        after: int | None = 0
        while after is not None:
            page = await operations.get_segments(call.caller, call.service, keyed.site.id, after, PAGE_MAX)
            for each in page.items:
                yield each
            after = page.next


# ── as the platform writes them ─────────────────────────────────────────────────────────────────────────────

_TAGS = {field: tag for tag, field in SYSTEM.items()}
_WORDS = {op: word for word, op in OPERATORS.items() if word != "E"}


def condition_text(condition: Condition) -> str:
    """Return a condition as a list of filters tells it: `#Tag(v1, v2) AND …`."""
    match condition:
        case And(parts):
            return _joined(parts, " AND ")
        case Or(parts):
            return _joined(parts, " OR ")
        case Not(part):
            return f"NOT ({condition_text(part)})"
        case Comparison(name, op, value):
            tag = _TAGS.get(name) or tag_of(name.removeprefix("attribute."))
            values = value if isinstance(value, tuple) else () if value is None else (value,)
            inner = ", ".join(map(str, values))
            return f"#{tag}({inner})" if op is Op.IN else f"#{tag} {_WORDS.get(op, op.upper())}({inner})"


def _joined(parts: tuple[Condition, ...], joint: str) -> str:
    texts = [condition_text(part) for part in parts]
    nested = [isinstance(part, And | Or) for part in parts]
    return joint.join(f"({text})" if deep else text for text, deep in zip(texts, nested, strict=True))
