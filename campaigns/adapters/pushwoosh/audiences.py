"""Whom a message is for: named devices or users, a stored filter, conditions; and what narrows these."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.adapters.pushwoosh.conditions import bounded, read_conditions
from campaigns.adapters.pushwoosh.message_fields import Message
from campaigns.adapters.pushwoosh.platforms import platforms_condition
from campaigns.adapters.pushwoosh.words import ALWAYS, NEVER, all_of, refused
from campaigns.adapters.routes import Call
from campaigns.model.condition import Condition
from campaigns.model.subscriber import KEY_MAX
from campaigns.model.target import (
    NAMED_MAX,
    Among,
    Everyone,
    ExternalIds,
    InSegment,
    Meeting,
    Subscribers,
    Target,
)
from campaigns.operations.devices import find_devices
from campaigns.operations.segments import get_segment_named

NAME_MAX = 2_048
"""Characters of a hwid or an endpoint."""


async def target_of(
    call: Call[Any, Any],
    site: int,
    message: Message,
    *,
    needed: Sequence[Condition],
    at: datetime,
    field: str,
) -> Target:
    """Return whom a message is for. Named devices win over users, and both over filters and conditions.

    Args:
        call: The call.
        site: Whose devices they are.
        message: The message.
        needed: What its placeholders ask of whoever gets it.
        at: From when "N days ago" counts.
        field: Where the message stands in the request.

    Raises:
        RefusedError: A field is wrong, or there is no such filter.
        InvalidError: The conditions are too many.
    """
    narrow = all_of((_platforms(message, field), *needed))
    if message.devices:
        names = _names(message.devices, NAME_MAX, f"{field}.devices")
        found = await find_devices(call.caller, call.service, site, names)
        call.ignored([name for name in ("users", "filter", "conditions") if getattr(message, name)])
        return _narrowed(Subscribers(tuple(found)), narrow, field) if found else Meeting(NEVER)
    if message.users:
        users = _names(message.users, KEY_MAX, f"{field}.users")
        call.ignored([name for name in ("filter", "conditions") if getattr(message, name)])
        return _narrowed(ExternalIds(users), narrow, field)
    if message.filter and message.conditions:
        raise refused(f"{field}.filter", "must be left out where conditions are given")
    if message.filter:
        return await _filtered(call, site, message.filter, narrow, field)
    if message.conditions:
        operator = message.conditions_operator or "AND"
        narrow = all_of((read_conditions(message.conditions, operator, at, f"{field}.conditions"), narrow))
    return Everyone() if narrow == ALWAYS else Meeting(bounded(narrow, f"{field}.conditions"))


def _platforms(message: Message, field: str) -> Condition:
    given = message.platforms
    if given is None:
        return ALWAYS
    return platforms_condition([given] if isinstance(given, int) else given, f"{field}.platforms")


def _names(given: Sequence[str], longest: int, field: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(given))
    if len(names) > NAMED_MAX:
        raise refused(field, f"has more than {NAMED_MAX:,}")
    if not all(name.strip() and len(name) <= longest for name in names):
        raise refused(field, "has a name that is empty or too long")
    return names


def _narrowed(named: Subscribers | ExternalIds, narrow: Condition, field: str) -> Target:
    return named if narrow == ALWAYS else Among(named, bounded(narrow, f"{field}.platforms"))


async def _filtered(call: Call[Any, Any], site: int, name: str, narrow: Condition, field: str) -> Target:
    segment = await get_segment_named(call.caller, call.service, site, name)
    if narrow == ALWAYS:
        return InSegment(segment.id)
    return Meeting(bounded(all_of((segment.condition, narrow)), f"{field}.filter"))
