"""Pushary's templates: content with a name."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from campaigns.adapters.pushary.campaigns import changed_content, content_fields
from campaigns.adapters.pushary.wire import (
    Done,
    ListAnswer,
    ListQuery,
    content_of,
    ids_of,
    in_their_words,
    list_answer,
    number_of,
    said,
    to_the_second,
)
from campaigns.adapters.routes import Call
from campaigns.model.ids import Kind
from campaigns.model.problems import InvalidError
from campaigns.model.template import Template
from campaigns.operations import templates as operations
from campaigns.operations.creating import sending_to
from campaigns.operations.service import Page
from campaigns.operations.sites import one_site
from campaigns.operations.templates import TemplateChanges


class TemplateRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """A new template; `{{name}}` stands for a value of each subscriber."""

    name: str
    title: str
    body: str
    icon_url: str | None = None
    image_url: str | None = None
    action_url: str | None = None
    unknown: tuple[str, ...] = ()


class TemplateChange(Struct, frozen=True, kw_only=True, rename="camel"):
    """Changes to a template; what is left out stays, null takes a value away."""

    name: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    body: str | UnsetType = UNSET
    icon_url: str | UnsetType | None = UNSET
    image_url: str | UnsetType | None = UNSET
    action_url: str | UnsetType | None = UNSET
    unknown: tuple[str, ...] = ()


class TemplateAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """A template."""

    id: str
    site_id: str
    name: str
    title: str
    body: str
    icon_url: str | None
    image_url: str | None
    action_url: str
    created_at: datetime
    updated_at: datetime


async def create(call: Call[Any, TemplateRequest]) -> TemplateAnswer:
    """Make a template."""
    body, site = call.body, await one_site(call.caller, call.service)
    place = (await sending_to(call.caller, call.service, site)).site
    content = content_of(content_fields(body), place.url)
    try:
        made = await operations.create_template(call.caller, call.service, site, body.name, content)
    except InvalidError as error:
        raise in_their_words(error) from None
    call.ignored(body.unknown)
    return await _one(call, made)


async def list_all(call: Call[ListQuery, None]) -> ListAnswer[TemplateAnswer]:
    """List templates."""
    site = await one_site(call.caller, call.service)
    after = call.query.position(Kind.TEMPLATE) or 0
    page = await operations.get_templates(call.caller, call.service, site, after, call.query.most)
    answers = [await _one(call, each) for each in page.items]
    return list_answer(Page(answers, page.next), Kind.TEMPLATE, lambda each: each)


async def get(call: Call[Any, None]) -> TemplateAnswer:
    """Answer with a template."""
    return await _one(call, await operations.get_template(call.caller, call.service, await _number(call)))


async def change(call: Call[Any, TemplateChange]) -> TemplateAnswer:
    """Change a template."""
    body, number = call.body, await _number(call)
    given = content_fields(body)
    changes = TemplateChanges(name=body.name)
    if given:
        old = await operations.get_template(call.caller, call.service, number)
        place = (await sending_to(call.caller, call.service, old.site)).site
        content = changed_content(msgspec.to_builtins(old.content), given, place.url)
        changes = TemplateChanges(name=body.name, content=content)
    try:
        changed = await operations.edit_template(call.caller, call.service, number, changes, call.now)
    except InvalidError as error:
        raise in_their_words(error) from None
    call.ignored(body.unknown)
    return await _one(call, changed)


async def delete(call: Call[Any, None]) -> Done:
    """Delete a template."""
    await operations.remove_template(call.caller, call.service, await _number(call))
    return Done()


async def _number(call: Call[Any, Any]) -> int:
    return await number_of(call, Kind.TEMPLATE, call.parameters["template"])


async def _one(call: Call[Any, Any], template: Template) -> TemplateAnswer:
    sites = await ids_of(call, Kind.SITE, [template.site])
    own = await ids_of(call, Kind.TEMPLATE, [template.id])
    return TemplateAnswer(
        id=own[template.id],
        site_id=sites[template.site],
        name=template.name,
        created_at=to_the_second(template.created_at),
        updated_at=to_the_second(template.updated_at),
        **said(template.content),
    )
