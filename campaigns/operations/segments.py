"""Segments, the attributes that their conditions can name, and how many are in one."""

from datetime import datetime

import msgspec
from msgspec import UNSET, Struct, UnsetType

from campaigns.model.attribute import Attribute
from campaigns.model.condition import Condition
from campaigns.model.problems import ConflictError, reject
from campaigns.model.scope import Permission, Scope
from campaigns.model.segment import Segment
from campaigns.model.texts import name_problems
from campaigns.operations.finding import the_segment, the_site, there
from campaigns.operations.service import Page, Service, page_of
from campaigns.store.attributes import list_attributes
from campaigns.store.audience import Size, size_of
from campaigns.store.segments import (
    add_segment,
    delete_segment,
    find_segment_named,
    list_segments,
    replace_segment,
)

_TAKEN = "The site has a segment of this name already."


class SegmentChanges(Struct, frozen=True, kw_only=True):
    """What is to be different about a segment."""

    name: str | UnsetType = UNSET
    condition: Condition | UnsetType = UNSET


async def create_segment(
    scope: Scope, service: Service, site: int, name: str, condition: Condition
) -> Segment:
    """Add a segment to a site.

    Raises:
        ForbiddenError: The credential may not.
        InvalidError: Its name cannot be.
        NotFoundError: There is no such site.
        ConflictError: Its name is taken.
    """
    scope.require(Permission.SEND)
    reject(name_problems(name))
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        added = await add_segment(connection, site, name, condition)
    if added is None:
        raise ConflictError(_TAKEN)
    return added


async def get_segment(scope: Scope, service: Service, number: int) -> Segment:
    """Return a segment.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        return await the_segment(connection, scope, number)


async def get_segment_named(scope: Scope, service: Service, site: int, name: str) -> Segment:
    """Return a site's segment by its name; whoever sends to it need not read others.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none, or no such site.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        return there(await find_segment_named(connection, site, name), "segment")


async def get_segments(
    scope: Scope, service: Service, site: int, after: int, limit: int, *, offset: int = 0
) -> Page[Segment]:
    """List a site's segments by number, beginning behind `after`, and passing over `offset` of them.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        found = await list_segments(connection, site, after, limit + 1, offset=offset)
    return page_of(found, limit, lambda each: each.id)


async def edit_segment(
    scope: Scope, service: Service, number: int, changes: SegmentChanges, now: datetime
) -> Segment:
    """Change a segment; campaigns that are launched already keep the condition that they had.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        InvalidError: Its name cannot be.
        ConflictError: Its name is taken.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        old = await the_segment(connection, scope, number)
        name = old.name if changes.name is UNSET else changes.name
        condition = old.condition if changes.condition is UNSET else changes.condition
        reject(name_problems(name))
        new = msgspec.structs.replace(old, name=name, condition=condition, updated_at=now)
        if not await replace_segment(connection, new):
            raise ConflictError(_TAKEN)
    return new


async def remove_segment(scope: Scope, service: Service, number: int) -> None:
    """Delete a segment.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        await delete_segment(connection, await the_segment(connection, scope, number))


async def preview_segment(scope: Scope, service: Service, site: int, condition: Condition) -> Size:
    """Count who would be in a segment.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        return await size_of(connection, site, condition)


async def get_attributes(scope: Scope, service: Service, site: int) -> list[Attribute]:
    """List the attributes that a site's subscribers have.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        return await list_attributes(connection, site)
