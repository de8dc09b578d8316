"""`pushmill campaigns segments`: add and list."""

from typing import Annotated

import msgspec
import typer

from campaigns.adapters.own.segments import segment_answer
from campaigns.commands.named import add_named, list_named
from campaigns.commands.sharing import AsJson, Site, TakenOver, read_json
from campaigns.model.condition import Condition, condition_tree, parse_condition
from campaigns.model.ids import Kind
from campaigns.model.problems import InvalidError
from campaigns.model.scope import Scope
from campaigns.model.segment import Segment
from campaigns.operations.segments import create_segment, get_segments
from campaigns.operations.service import Service
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
    parsed = _parsed(condition)

    async def create(scope: Scope, service: Service, number: int) -> Segment:
        return await create_segment(scope, service, number, name, parsed)

    add_named(Kind.SEGMENT, site, taken_over, create, as_json=as_json)


def _parsed(text: str) -> Condition:
    try:
        return parse_condition(read_json(text, "CONDITION"))
    except InvalidError as error:
        end(error.detail, MISUSED)


@app.command("list")
def list_(site: Site, *, as_json: AsJson = False) -> None:
    """List a site's segments."""
    list_named(Kind.SEGMENT, site, get_segments, answer=segment_answer, about=_about, as_json=as_json)


def _about(segment: Segment) -> str:
    return msgspec.json.encode(condition_tree(segment.condition)).decode()
