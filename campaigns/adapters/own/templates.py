"""Templates in the words of the own API."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from campaigns.adapters.own.lists import ListAnswer, ListQuery, list_answer
from campaigns.adapters.own.wire import Answer, Content, Request, SiteId, TemplateId
from campaigns.adapters.routes import Call
from campaigns.model.ids import Kind, spell
from campaigns.model.template import Template
from campaigns.operations import templates as operations
from campaigns.operations.templates import TemplateChanges
from worker.records.notification import Notification


class TemplateRequest(Request, frozen=True, kw_only=True):
    """A new template.

    Attributes:
        name: For people, once in a site.
        content: What campaigns begin with.
    """

    name: str
    content: Content


class TemplateChange(Request, frozen=True, kw_only=True):
    """Changes to a template; what is left out stays."""

    name: str | UnsetType = UNSET
    content: Content | UnsetType = UNSET


class TemplateAnswer(Answer, frozen=True, kw_only=True):
    """A template: its content is copied into a campaign when that is made."""

    id: TemplateId
    site: SiteId
    name: str
    content: Notification
    created_at: datetime
    updated_at: datetime


async def create(call: Call[Any, TemplateRequest]) -> TemplateAnswer:
    """Add a template."""
    site, body = call.parameters["site"], call.body
    return template_answer(
        await operations.create_template(call.caller, call.service, site, body.name, body.content)
    )


async def list_all(call: Call[ListQuery, None]) -> ListAnswer[TemplateAnswer]:
    """List a site's templates."""
    site, query = call.parameters["site"], call.query
    page = await operations.get_templates(call.caller, call.service, site, query.after, query.limit)
    return list_answer(page, template_answer)


async def get(call: Call[Any, None]) -> TemplateAnswer:
    """Answer with a template."""
    return template_answer(
        await operations.get_template(call.caller, call.service, call.parameters["template"])
    )


async def change(call: Call[Any, TemplateChange]) -> TemplateAnswer:
    """Change a template."""
    changes = TemplateChanges(name=call.body.name, content=call.body.content)
    number = call.parameters["template"]
    return template_answer(
        await operations.edit_template(call.caller, call.service, number, changes, call.now)
    )


async def delete(call: Call[Any, None]) -> None:
    """Delete a template."""
    await operations.remove_template(call.caller, call.service, call.parameters["template"])


def template_answer(template: Template) -> TemplateAnswer:
    """Say a template."""
    return TemplateAnswer(
        id=spell(Kind.TEMPLATE, template.id),
        site=spell(Kind.SITE, template.site),
        name=template.name,
        content=template.content,
        created_at=template.created_at,
        updated_at=template.updated_at,
    )
