"""PushPilot's campaigns: made, changed, launched, paused, copied, deleted."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from math import ceil
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct

from campaigns.adapters.pushpilot.adapter import Envelope
from campaigns.adapters.pushpilot.notification import KNOWN, content_tree
from campaigns.adapters.pushpilot.words import (
    CampaignAnswer,
    CampaignChange,
    NewCampaign,
    Options,
    campaign_answer,
    check_start,
    moment,
    target_of,
)
from campaigns.adapters.reading import refuse_narrowing, unknown_fields
from campaigns.adapters.routes import Call, Handler
from campaigns.model.campaign import Campaign, Plan
from campaigns.model.campaign_filter import CampaignFilter
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind
from campaigns.model.problems import invalid
from campaigns.model.recurrence import Recurrence
from campaigns.model.scope import Scope
from campaigns.model.site import Site
from campaigns.model.texts import tree_problem
from campaigns.operations import campaigns as operations
from campaigns.operations import steering
from campaigns.operations.aliases import resolve, spellings
from campaigns.operations.campaign_lists import find_campaigns
from campaigns.operations.campaigns import CampaignChanges, CampaignDraft, CampaignView
from campaigns.operations.service import Service

PLATFORM = CredentialKind.PUSHPILOT
ZONE = "UTC"
"""What cron expressions are meant in: nothing says otherwise."""

NOTIFICATION_BYTES_MAX = 65_536

Action = Callable[[Scope, Service, int, datetime], Awaitable[CampaignView]]


class ListQuery(Struct, frozen=True, rename="camel"):
    """Which part of the list."""

    search: str = ""
    page: Annotated[int, Meta(ge=1, le=2**31)] = 1
    per_page: Annotated[int, Meta(ge=1, le=100)] = 20


class CopyQuery(Struct, frozen=True, rename="camel"):
    """Whose the copy is to be."""

    website_id: str | None = None


async def create(call: Call[Any, NewCampaign]) -> Envelope:
    """Make a draft."""
    body = call.body
    _count_ignored(call)
    start_at = moment(body.start_at, "start_at")
    check_start(start_at, call.now)
    site = await resolve(call.caller, call.service, Kind.SITE, PLATFORM, body.website_id)
    plan = Plan(start_at=start_at, ends_at=moment(body.ends_at, "ends_at"))

    def draft_for(found: Site) -> CampaignDraft:
        return CampaignDraft(
            name=body.name,
            target=target_of(body.options),
            content=_content(body.notification, body.options, found),
            plan=plan,
            recurrence=_recurrence(body.frequency),
            adapter=str(PLATFORM),
            options=_kept(body),
        )

    view = await steering.create_for(call.caller, call.service, site, draft_for, call.now)
    return await _said(call, "Campaign created successfully", view)


async def get(call: Call[Any, None]) -> Envelope:
    """Answer with a campaign."""
    view = await operations.get_campaign(call.caller, call.service, await _number(call))
    return await _said(call, "Campaign found successfully", view)


async def change(call: Call[Any, CampaignChange]) -> Envelope:
    """Change a campaign that is not launched yet, or that recurs."""
    body = call.body
    _count_ignored(call)
    times = {"start_at": moment(body.start_at, "start_at"), "ends_at": moment(body.ends_at, "ends_at")}
    check_start(times["start_at"], call.now)
    plan = {name: value for name, value in times.items() if value is not None}

    def changes_of(site: Site, campaign: Campaign) -> CampaignChanges:
        kept = {**campaign.options, **_kept(body)}
        options = msgspec.convert(kept.get("options"), Options | None)
        is_shown_anew = bool(body.notification) or (body.options is not None and "notification" in kept)
        return CampaignChanges(
            name=UNSET if body.name is None else body.name,
            target=UNSET if body.options is None else target_of(options),
            content=_content(kept.get("notification"), options, site) if is_shown_anew else UNSET,
            plan=plan or UNSET,
            recurrence=_recurrence(body.frequency) or UNSET,
            options=kept,
        )

    number = await _number(call)
    view = await steering.edit_as_it_is(call.caller, call.service, number, changes_of, call.now)
    return await _said(call, "Campaign updated successfully", view)


async def delete(call: Call[Any, None]) -> None:
    """Delete a campaign."""
    await steering.discard_campaign(call.caller, call.service, await _number(call), call.now)


def action(operation: Action, message: str) -> Handler:
    """Make the handler of an action, which answers with the campaign as it is then."""

    async def handle(call: Call[Any, None]) -> Envelope:
        view = await operation(call.caller, call.service, await _number(call), call.now)
        return await _said(call, message, view)

    return handle


async def copy(call: Call[CopyQuery, None]) -> Envelope:
    """Make a draft like another campaign."""
    site, text = None, call.query.website_id
    if text is not None:
        site = await resolve(call.caller, call.service, Kind.SITE, PLATFORM, text)
    number = await _number(call)
    view = await operations.copy_campaign(call.caller, call.service, number, call.now, site=site)
    return await _said(call, "Campaign copied successfully", view)


async def list_all(call: Call[ListQuery, None]) -> Envelope:
    """List campaigns of all websites."""
    query = call.query
    wanted, offset = CampaignFilter(name=query.search), (query.page - 1) * query.per_page
    found = await find_campaigns(call.caller, call.service, wanted, offset=offset, limit=query.per_page)
    data = {
        "campaigns": await _answers(call, found.campaigns),
        "pagination": pagination(found.total, query.page, query.per_page),
    }
    return Envelope(message="Campaigns found matching your query", data=data)


def pagination(total: int, page: int, per_page: int) -> Mapping[str, object]:
    """Say which part of a list this is; a list without rows has one page."""
    last = max(1, ceil(total / per_page))
    return {
        "total": total,
        "perPage": per_page,
        "currentPage": page,
        "lastPage": last,
        "firstPage": 1,
        "firstPageUrl": "/?page=1",
        "lastPageUrl": f"/?page={last}",
        "nextPageUrl": f"/?page={page + 1}" if page < last else None,
        "previousPageUrl": f"/?page={page - 1}" if page > 1 else None,
    }


# ── what requests and answers come to ───────────────────────────────────────────────────────────────────────


async def _number(call: Call[Any, Any]) -> int:
    text = call.parameters["campaign"]
    return await resolve(call.caller, call.service, Kind.CAMPAIGN, PLATFORM, text)


def _recurrence(frequency: str | None) -> Recurrence | None:
    return Recurrence(cron=frequency.strip(), zone=ZONE) if frequency else None


def _content(notification: dict[str, Any] | None, options: Options | None, site: Site) -> object:
    if not notification:
        return None
    problem = tree_problem(notification, NOTIFICATION_BYTES_MAX, len(msgspec.json.encode(notification)))
    if problem:
        raise invalid("content", problem)
    return content_tree(notification, (options and options.query_params) or {}, site.url)


def _kept(body: CampaignChange) -> dict[str, Any]:
    """Return what of a request only this platform has a place for."""
    given = {
        "description": body.description,
        "notification": body.notification or None,
        "options": None if body.options is None else msgspec.to_builtins(body.options),
    }
    return {name: value for name, value in given.items() if value is not None}


def _count_ignored(call: Call[Any, Any]) -> None:
    body: CampaignChange = call.body
    given = msgspec.json.decode(call.request.body)
    shown = body.notification or {}
    unknown = [*unknown_fields(given, type(body))]
    refuse_narrowing(unknown)
    call.ignored([*unknown, *(name for name in shown if name not in KNOWN)])


async def _said(call: Call[Any, Any], message: str, view: CampaignView) -> Envelope:
    [answer] = await _answers(call, [view.campaign])
    return Envelope(message=message, data={"campaign": answer})


async def _answers(call: Call[Any, Any], campaigns: Iterable[Campaign]) -> list[CampaignAnswer]:
    found = list(campaigns)
    who = (call.caller, call.service)
    ids = await spellings(*who, Kind.CAMPAIGN, PLATFORM, [each.id for each in found])
    sites = await spellings(*who, Kind.SITE, PLATFORM, [each.site for each in found])
    return [campaign_answer(each, id=ids[each.id], website_id=sites[each.site]) for each in found]
