"""`pushmill campaigns templates`: add and list."""

from typing import Annotated, Any

import typer

from campaigns.adapters.own.lists import list_answer
from campaigns.adapters.own.templates import template_answer
from campaigns.commands.content import Badge, Body, Icon, Image, Json, Title, Url, content_of
from campaigns.commands.local import local_service, run_locally, site_number
from campaigns.commands.sharing import AsJson, Site, TakenOver, every, read_aliases, say_json
from campaigns.model.ids import Kind, spell
from campaigns.model.platforms import Alias
from campaigns.model.template import Template
from campaigns.operations.aliases import take_over
from campaigns.operations.service import Page
from campaigns.operations.templates import create_template, get_templates

app = typer.Typer(help="A site's templates: add, list.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="For people, once in a site.")],
    site: Site,
    *,
    title: Title = None,
    url: Url = None,
    body: Body = None,
    icon: Icon = None,
    image: Image = None,
    badge: Badge = None,
    content: Json = None,
    taken_over: TakenOver = None,
    as_json: AsJson = False,
) -> None:
    """Add a template: content that campaigns can begin with."""
    number = site_number(site)
    aliases = read_aliases(taken_over)
    tree = content_of(content, title=title, url=url, body=body, icon=icon, image=image, badge=badge)
    template, ids = run_locally(_add(number, name, tree, aliases))
    text = spell(Kind.TEMPLATE, template)
    if as_json:
        say_json({"id": text, "ids": ids})
    else:
        typer.echo("  ".join((text, *(f"{platform} {each}" for platform, each in ids.items()))))


async def _add(site: int, name: str, tree: Any, aliases: list[Alias]) -> tuple[int, dict[str, str]]:
    async with local_service() as (scope, service), service.begin() as connection:
        inside = service.within(connection)
        added = await create_template(scope, inside, site, name, tree)
        return added.id, await take_over(scope, inside, Kind.TEMPLATE, added.id, aliases)


@app.command("list")
def list_(site: Site, *, as_json: AsJson = False) -> None:
    """List a site's templates."""
    found = run_locally(_list(site_number(site)))
    if as_json:
        say_json(list_answer(Page(found), template_answer))
        return
    for each in found:
        typer.echo(f"{spell(Kind.TEMPLATE, each.id):<12}  {each.name}  {each.content.title}")


async def _list(site: int) -> list[Template]:
    async with local_service() as local:
        return await every(local, lambda local, after, limit: get_templates(*local, site, after, limit))
