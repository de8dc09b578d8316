"""Whom a target means at this moment."""

from campaigns.model.problems import ConflictError, InvalidError, invalid
from campaigns.model.scope import Scope
from campaigns.model.subscriber import SubscriberStatus
from campaigns.model.target import (
    NAMED_MAX,
    Among,
    Everyone,
    ExternalIds,
    InSegment,
    Meeting,
    Subscribers,
    Target,
    condition_of,
)
from campaigns.store.audience import find_external_ids, find_meeting, find_numbers, size_of
from campaigns.store.database import Connection
from campaigns.store.segments import find_segment
from campaigns.store.subscriber_counts import count_subscribers

BROWSERS_MAX = 10_000
"""Subscribers with the external ids of one target: users may have several browsers."""


async def resolved(connection: Connection, scope: Scope, site: int, target: Target) -> Target:
    """Return a target with a segment replaced by its condition: a launch keeps the one that it began with.

    Raises:
        ConflictError: The segment is gone, or another site's.
    """
    if not isinstance(target, InSegment):
        return target
    segment = await find_segment(connection, scope, target.number)
    if segment is None or segment.site != site:
        raise ConflictError("The target's segment is gone; choose another target.")
    return Meeting(segment.condition)


async def check_target(connection: Connection, scope: Scope, site: int, target: Target) -> None:
    """Insist that a target is the site's own.

    Raises:
        InvalidError: It names a segment that the site does not have.
    """
    try:
        await resolved(connection, scope, site, target)
    except ConflictError:
        raise invalid("target.segment", "is no segment of this site") from None


async def count_targeted(connection: Connection, site: int, target: Target) -> int:
    """Return how many are in a resolved target; by a condition, more than 10,000 are estimated."""
    match target:
        case Everyone():
            return (await count_subscribers(connection, site))[SubscriberStatus.ACTIVE]
        case Subscribers() | ExternalIds() | Among():
            return len(await members(connection, site, target, BROWSERS_MAX))
        case InSegment():
            raise AssertionError("a segment must be resolved first")
    return (await size_of(connection, site, condition_of(target))).subscribers


async def members(connection: Connection, site: int, target: Target, most: int) -> list[int]:
    """Return the numbers of those in a resolved target, at most `most`."""
    match target:
        case Subscribers(numbers):
            return await find_numbers(connection, site, numbers)
        case ExternalIds(values):
            return await find_external_ids(connection, site, values, most)
        case Among(named, condition):
            found = await members(connection, site, named, most)
            return await find_numbers(connection, site, found, condition)
        case InSegment():
            raise AssertionError("a segment must be resolved first")
    return await find_meeting(connection, site, condition_of(target), most)


async def few_members(connection: Connection, site: int, target: Target) -> list[int]:
    """Return the numbers of those in a resolved target, who must be few enough for a small send.

    Raises:
        InvalidError: They are too many.
    """
    found = await members(connection, site, target, NAMED_MAX + 1)
    if len(found) > NAMED_MAX:
        raise _too_many()
    return found


def _too_many() -> InvalidError:
    return invalid("target", f"has more than {NAMED_MAX:,} subscribers; make a campaign for so many")
