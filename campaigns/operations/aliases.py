"""Ids that customers' code holds from the platforms that they come from: taken over, read, and told."""

from collections.abc import Iterable

from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind
from campaigns.model.platforms import (
    PLATFORMS,
    Alias,
    alias_problem,
    platform_spelling,
    read_platform_id,
)
from campaigns.model.problems import ConflictError, NotFoundError, reject
from campaigns.model.scope import Permission, Scope
from campaigns.operations.finding import the_segment, the_site, the_template
from campaigns.operations.service import Service
from campaigns.store.aliases import add_alias, aliases_of, find_alias
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
                kind=_word(kind),
                text=each.text,
                number=number,
            ):
                raise ConflictError(f"This id of {each.platform} stands for something else already.")
        return await _spellings(connection, scope, kind, number)


async def resolve(scope: Scope, service: Service, kind: Kind, platform: CredentialKind, text: str) -> int:
    """Return the number that a platform's text stands for: taken over, or else spelled by us.

    Whether there is such a thing within the scope is for whatever is asked of it to find out.

    Args:
        scope: Who asks.
        service: What operations need.
        kind: What the text names.
        platform: Whose spelling it is.
        text: As a client wrote it.

    Raises:
        NotFoundError: It can be no id.
    """
    if alias_problem(Alias(platform, text)) is not None:
        raise NotFoundError(_word(kind))
    async with service.begin() as connection:
        number = await find_alias(connection, scope.account, platform=platform, kind=_word(kind), text=text)
    if number is None:
        number = read_platform_id(platform, kind, text)
    if number is None:
        raise NotFoundError(_word(kind))
    return number


async def spellings(
    scope: Scope, service: Service, kind: Kind, platform: CredentialKind, numbers: Iterable[int]
) -> dict[int, str]:
    """Return how a platform spells ids of ours, by number: as they were taken over, or else by our rule."""
    given = [*dict.fromkeys(numbers)]
    async with service.begin() as connection:
        known = await aliases_of(
            connection, scope.account, platform=platform, kind=_word(kind), numbers=given
        )
    return {number: known.get(number) or platform_spelling(platform, kind, number) for number in given}


def _word(kind: Kind) -> str:
    return kind.name.lower()


async def _spellings(connection: Connection, scope: Scope, kind: Kind, number: int) -> dict[str, str]:
    found = {}
    for platform in PLATFORMS:
        own = await aliases_of(
            connection, scope.account, platform=platform, kind=_word(kind), numbers=[number]
        )
        found[str(platform)] = own.get(number) or platform_spelling(platform, kind, number)
    return found
