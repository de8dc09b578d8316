"""What a site has by name, such as segments and templates: added, with ids that are taken over, and listed.

Decides how both are told. Knows no kind of them.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import typer

from campaigns.adapters.own.lists import list_answer
from campaigns.commands.local import local_service, run_locally, site_number
from campaigns.commands.sharing import every, read_aliases, say_json
from campaigns.model.ids import Kind, spell
from campaigns.model.platforms import Alias
from campaigns.model.scope import Scope
from campaigns.operations.aliases import take_over
from campaigns.operations.service import Page, Service


class Named(Protocol):
    """What has a number and a name."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def name(self) -> str:
        """What it is called, once in a site."""


Item = TypeVar("Item", bound=Named)
Create = Callable[[Scope, Service, int], Awaitable[Named]]
"""Adds one to the site of this number."""

Get = Callable[[Scope, Service, int, int, int], Awaitable[Page[Item]]]
"""Lists some of the site of this number, beginning behind a number, at most so many."""


def add_named(kind: Kind, site: str, taken_over: list[str] | None, create: Create, *, as_json: bool) -> None:
    """Add one to a site, let platforms' ids stand for it, and print all of its ids."""
    number, aliases = site_number(site), read_aliases(taken_over)
    added, ids = run_locally(_add(kind, number, aliases, create))
    text = spell(kind, added)
    if as_json:
        say_json({"id": text, "ids": ids})
    else:
        typer.echo("  ".join((text, *(f"{platform} {each}" for platform, each in ids.items()))))


async def _add(kind: Kind, site: int, aliases: list[Alias], create: Create) -> tuple[int, dict[str, str]]:
    async with local_service() as (scope, service), service.begin() as connection:
        inside = service.within(connection)
        added = await create(scope, inside, site)
        return added.id, await take_over(scope, inside, kind, added.id, aliases)


def list_named(
    kind: Kind,
    site: str,
    get: Get[Item],
    *,
    answer: Callable[[Item], Any],
    about: Callable[[Item], str],
    as_json: bool,
) -> None:
    """Print all of a site: as the API answers them, or a line each, with what there is to say about it."""
    found = run_locally(_list(site_number(site), get))
    if as_json:
        say_json(list_answer(Page(found), answer))
        return
    for each in found:
        typer.echo(f"{spell(kind, each.id):<12}  {each.name}  {about(each)}")


async def _list(site: int, get: Get[Item]) -> list[Item]:
    async with local_service() as local:
        return await every(local, lambda local, after, limit: get(*local, site, after, limit))
