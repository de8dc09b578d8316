"""Templates: content with a name."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from campaigns.model.problems import ConflictError, reject
from campaigns.model.scope import Permission, Scope
from campaigns.model.template import Template
from campaigns.model.texts import name_problems
from campaigns.operations.checking import checked
from campaigns.operations.finding import the_site, the_template
from campaigns.operations.service import Page, Service, page_of
from campaigns.store.templates import add_template, delete_template, list_templates, replace_template

_TAKEN = "The site has a template of this name already."


class TemplateChanges(Struct, frozen=True, kw_only=True):
    """What is to be different about a template; content is JSON, decoded."""

    name: str | UnsetType = UNSET
    content: object | UnsetType = UNSET


async def create_template(
    scope: Scope,
    service: Service,
    site_number: int,
    name: str,
    content: object,
    *,
    options: Mapping[str, Any] | None = None,
) -> Template:
    """Add a template to a site.

    Args:
        scope: Who asks.
        service: What operations need.
        site_number: Whose it is to be.
        name: For people, once in a site.
        content: A notification as JSON, decoded.
        options: What only the platform asks of it that it is made on.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
        InvalidError: Its name cannot be, or its content cannot be sent.
        ConflictError: Its name is taken.
    """
    scope.require(Permission.SEND)
    reject(name_problems(name))
    async with service.begin() as connection:
        site = await the_site(connection, scope, site_number)
        notification = await checked(connection, service, site, content, site.defaults.track_clicks)
        added = await add_template(connection, site.id, name, notification, options)
    if added is None:
        raise ConflictError(_TAKEN)
    return added


async def get_template(scope: Scope, service: Service, number: int) -> Template:
    """Return a template.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        return await the_template(connection, scope, number)


async def get_templates(
    scope: Scope, service: Service, site: int, after: int, limit: int, *, offset: int = 0
) -> Page[Template]:
    """List a site's templates by number, beginning behind `after`, and passing over `offset` of them.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        found = await list_templates(connection, site, after, limit + 1, offset=offset)
    return page_of(found, limit, lambda each: each.id)


async def edit_template(
    scope: Scope, service: Service, number: int, changes: TemplateChanges, now: datetime
) -> Template:
    """Change a template; campaigns that were made with it stay as they are.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        InvalidError: Its name cannot be, or its content cannot be sent.
        ConflictError: Its name is taken.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        old = await the_template(connection, scope, number)
        new = msgspec.structs.replace(old, updated_at=now)
        if changes.name is not UNSET:
            reject(name_problems(changes.name))
            new = msgspec.structs.replace(new, name=changes.name)
        if changes.content is not UNSET:
            site = await the_site(connection, scope, old.site)
            content = await checked(connection, service, site, changes.content, site.defaults.track_clicks)
            new = msgspec.structs.replace(new, content=content)
        if not await replace_template(connection, new):
            raise ConflictError(_TAKEN)
    return new


async def remove_template(scope: Scope, service: Service, number: int) -> None:
    """Delete a template.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        await delete_template(connection, await the_template(connection, scope, number))
