"""Ids that customers' code holds from the platforms that they come from: taken over, and told."""

from collections.abc import Iterable

from campaigns.model.ids import Kind
from campaigns.model.platforms import PLATFORMS, Alias, alias_problem, platform_spelling
from campaigns.model.problems import ConflictError, reject
from campaigns.model.scope import Permission, Scope
from campaigns.operations.finding import the_segment, the_site, the_template
from campaigns.operations.service import Service
from campaigns.store.aliases import add_alias, alias_of
from campaigns.store.database import Connection

_FIND = {Kind.SITE: the_site, Kind.SEGMENT: the_segment, Kind.TEMPLATE: the_template}
_NEEDED = {
    Kind.SITE: Permission.SITES,
    Kind.SEGMENT: Permission.SEND,
    Kind.TEMPLATE: Permission.SEND,
}


async def take_over(
    scope: Scope, service: Service, kind: Kind, number: int, aliases: Iterable[Alias]
) -> dict[str, str]:
    """Let platforms' ids stand for a site, a segment or a template from now on.

    Returns:
        Its id by platform, for every platform.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such thing.
        InvalidError: An id cannot be one.
        ConflictError: An id is another account's.
    """
    scope.require(_NEEDED[kind])
    given = list(aliases)
    reject(problem for each in given if (problem := alias_problem(each)) is not None)
    async with service.begin() as connection:
        await _FIND[kind](connection, scope, number)
        for each in given:
            if not await add_alias(
                connection,
                scope.account,
                platform=each.platform,
                kind=kind.name.lower(),
                text=each.text,
                number=number,
            ):
                raise ConflictError(f"This id of {each.platform} stands for something else already.")
        return await _spellings(connection, scope, kind, number)


async def _spellings(connection: Connection, scope: Scope, kind: Kind, number: int) -> dict[str, str]:
    found = {}
    for platform in PLATFORMS:
        own = await alias_of(
            connection, scope.account, platform=platform, kind=kind.name.lower(), number=number
        )
        found[str(platform)] = own or platform_spelling(platform, kind, number)
    return found
