"""Truepush's triggers by time: campaigns that recur, under a name that is the site's only one.

A trigger that waits for a subscriber (`once`), or for who enters a segment, is refused: nothing here waits
for single subscribers yet.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from campaigns.adapters.reading import unknown_fields
from campaigns.adapters.routes import Call
from campaigns.adapters.truepush.lists import PAGE_SIZE, PLATFORM, listed, number_of, offset_of, spelled
from campaigns.adapters.truepush.timings import recurrence_of
from campaigns.adapters.truepush.words import Done
from campaigns.model.campaign import CampaignStatus
from campaigns.model.campaign_filter import CampaignFilter
from campaigns.model.ids import Kind
from campaigns.model.problems import ConflictError
from campaigns.model.site import Site
from campaigns.model.target import parse_target
from campaigns.operations import steering
from campaigns.operations.campaign_lists import find_campaigns
from campaigns.operations.campaigns import CampaignDraft, resume_campaign
from campaigns.operations.sites import one_site
from campaigns.operations.templates import get_template


class NewTrigger(
    Struct,
    frozen=True,
    kw_only=True,
    rename={"segment": "segmentId", "template": "templateId", "kind": "type"},
):
    """The body of `createTrigger`.

    Attributes:
        name: No other trigger's.
        note: For people.
        segment: The id of a segment; refused.
        template: The id of what is shown.
        kind: How `timings` are to be read.
        timings: When.
    """

    name: str
    note: str | None = None
    segment: str | None = None
    template: str
    kind: Literal["once", "repeated", "multiple"]
    timings: dict[str, Any]


class NewStatus(Struct, frozen=True):
    """The body of `triggerStatus`."""

    status: Literal["active", "inactive"]


async def create(call: Call[Any, NewTrigger]) -> Done:
    """Make a trigger, which is active at once."""
    body = call.body
    call.ignored([*unknown_fields(msgspec.json.decode(call.request.body), NewTrigger)])
    if body.kind == "once" or body.segment:
        raise ConflictError("Triggers that wait for single subscribers are not offered.")
    site = await one_site(call.caller, call.service)
    number = await number_of(call, Kind.TEMPLATE, body.template)
    template = await get_template(call.caller, call.service, number)
    tags = template.options.get("tags")

    def draft_for(found: Site) -> CampaignDraft:
        return CampaignDraft(
            name=body.name,
            target=parse_target({"tags": tags} if tags else {"all": True}),
            template=number,
            recurrence=recurrence_of(body.kind, body.timings, found.zone),
            adapter=str(PLATFORM),
            options={"note": body.note} if body.note else {},
        )

    view = await steering.launch_named(call.caller, call.service, site, draft_for, call.now)
    return Done(made=await spelled(call, Kind.CAMPAIGN, view.campaign.id))


async def delete(call: Call[Any, None]) -> Done:
    """Delete a trigger, and stop what it has begun."""
    await steering.discard_campaign(call.caller, call.service, await _number(call), call.now)
    return Done()


async def set_status(call: Call[Any, NewStatus]) -> Done:
    """Let a trigger go on, or stop it until then."""
    is_active = call.body.status == "active"
    change = resume_campaign if is_active else steering.pause_recurring
    await change(call.caller, call.service, await _number(call), call.now)
    return Done()


async def list_page(call: Call[Any, None]) -> Done:
    """List triggers, the newest first."""
    offset, site = offset_of(call), await one_site(call.caller, call.service)
    wanted = CampaignFilter(site=site, recurring=True)
    found = await find_campaigns(call.caller, call.service, wanted, offset=offset, limit=PAGE_SIZE)
    rows = ((each.id, {"name": each.name, "status": _said(each.status)}) for each in found.campaigns)
    return await listed(call, Kind.CAMPAIGN, rows)


def _said(status: CampaignStatus) -> str:
    return "active" if status is CampaignStatus.RECURRING else "inactive"


async def _number(call: Call[Any, Any]) -> int:
    number = await number_of(call, Kind.CAMPAIGN, call.parameters["trigger"])
    await steering.check_recurrence(call.caller, call.service, number, recurs=True)
    return number
