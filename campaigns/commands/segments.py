"""`pushmill campaigns segments`: add and list."""

from typing import Annotated

import msgspec
import typer

from campaigns.adapters.own.lists import list_answer
from campaigns.adapters.own.segments import segment_answer
from campaigns.commands.local import local_service, run_locally, site_number
from campaigns.commands.sharing import AsJson, Site, TakenOver, every, read_aliases, read_json, say_json
from campaigns.model.condition import Condition, condition_tree, parse_condition
from campaigns.model.ids import Kind, spell
from campaigns.model.platforms import Alias
from campaigns.model.problems import InvalidError
from campaigns.model.segment import Segment
from campaigns.operations.aliases import take_over
from campaigns.operations.segments import create_segment, get_segments
from campaigns.operations.service import Page
from worker.commands import MISUSED, end

app = typer.Typer(help="A site's segments: add, list.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="For people, once in a site.")],
    condition: Annotated[
        str,
        typer.Argument(help='JSON, such as {"field": "tag", "op": "eq", "value": "news"}; or @FILE with it.'),
    ],
    site: Site,
    *,
    taken_over: TakenOver = None,
    as_json: AsJson = False,
) -> None:
    """Add a segment: whoever meets its condition when a campaign is launched is in it."""
    number = site_number(site)
    aliases = read_aliases(taken_over)
    try:
        parsed = parse_condition(read_json(condition, "CONDITION"))
    except InvalidError as error:
        end(error.detail, MISUSED)
    segment, ids = run_locally(_add(number, name, parsed, aliases))
    text = spell(Kind.SEGMENT, segment)
    if as_json:
        say_json({"id": text, "ids": ids})
    else:
        typer.echo("  ".join((text, *(f"{platform} {each}" for platform, each in ids.items()))))


async def _add(
    site: int, name: str, condition: Condition, aliases: list[Alias]
) -> tuple[int, dict[str, str]]:
    async with local_service() as (scope, service), service.begin() as connection:
        inside = service.within(connection)
        added = await create_segment(scope, inside, site, name, condition)
        return added.id, await take_over(scope, inside, Kind.SEGMENT, added.id, aliases)


@app.command("list")
def list_(site: Site, *, as_json: AsJson = False) -> None:
    """List a site's segments."""
    found = run_locally(_list(site_number(site)))
    if as_json:
        say_json(list_answer(Page(found), segment_answer))
        return
    for each in found:
        condition = msgspec.json.encode(condition_tree(each.condition)).decode()
        typer.echo(f"{spell(Kind.SEGMENT, each.id):<12}  {each.name}  {condition}")


async def _list(site: int) -> list[Segment]:
    async with local_service() as local:
        return await every(local, lambda local, after, limit: get_segments(*local, site, after, limit))
