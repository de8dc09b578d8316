"""`pushmill campaigns templates`: add and list."""

from typing import Annotated

import typer

from campaigns.adapters.own.templates import template_answer
from campaigns.commands.content import Badge, Body, Icon, Image, Json, Title, Url, content_of
from campaigns.commands.named import add_named, list_named
from campaigns.commands.sharing import AsJson, Site, TakenOver
from campaigns.model.ids import Kind
from campaigns.model.scope import Scope
from campaigns.model.template import Template
from campaigns.operations.service import Service
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
    tree = content_of(content, title=title, url=url, body=body, icon=icon, image=image, badge=badge)

    async def create(scope: Scope, service: Service, number: int) -> Template:
        return await create_template(scope, service, number, name, tree)

    add_named(Kind.TEMPLATE, site, taken_over, create, as_json=as_json)


@app.command("list")
def list_(site: Site, *, as_json: AsJson = False) -> None:
    """List a site's templates."""
    list_named(Kind.TEMPLATE, site, get_templates, answer=template_answer, about=_about, as_json=as_json)


def _about(template: Template) -> str:
    return template.content.title
