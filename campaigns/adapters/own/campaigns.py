"""Campaigns, sends and what came of them, in the words of the own API; `campaign_wire` has the types."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from msgspec import UNSET

from campaigns.adapters.own.campaign_wire import (
    CampaignAnswer,
    CampaignChange,
    CampaignRequest,
    SendAnswer,
    SendRequest,
    TestRequest,
    campaign_answer,
    plan_changes,
    plan_of,
)
from campaigns.adapters.own.lists import ListAnswer, ListQuery, list_answer
from campaigns.adapters.own.wire import read_id
from campaigns.adapters.routes import Call, Handler
from campaigns.model.campaign import CampaignStatus
from campaigns.model.ids import Kind
from campaigns.model.scope import Scope
from campaigns.model.statistics import Statistics
from campaigns.model.target import parse_target
from campaigns.operations import campaigns as operations
from campaigns.operations import sending, statistics
from campaigns.operations.campaign_removal import remove_campaign
from campaigns.operations.campaigns import CampaignChanges, CampaignDraft, CampaignView
from campaigns.operations.sending import SendDraft, Sent
from campaigns.operations.service import Service

Action = Callable[[Scope, Service, int, datetime], Awaitable[CampaignView]]


class CampaignsQuery(ListQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which campaigns, the newest first.

    Attributes:
        status: Only those in this one.
    """

    status: CampaignStatus | None = None


async def create(call: Call[Any, CampaignRequest]) -> CampaignAnswer:
    """Make a draft."""
    body = call.body
    draft = CampaignDraft(
        name=body.name,
        target=parse_target(body.target),
        content=UNSET if body.content is None else body.content,
        template=None if body.template is None else read_id(Kind.TEMPLATE, body.template, "template"),
        plan=plan_of(body),
        track_clicks=body.track_clicks,
    )
    site = call.parameters["site"]
    return campaign_answer(await operations.create_campaign(call.caller, call.service, site, draft, call.now))


async def list_all(call: Call[CampaignsQuery, None]) -> ListAnswer[CampaignAnswer]:
    """List a site's campaigns."""
    page = await operations.get_campaigns(
        call.caller,
        call.service,
        call.parameters["site"],
        status=call.query.status,
        before=call.query.position,
        limit=call.query.limit,
    )
    return list_answer(page, campaign_answer)


async def get(call: Call[Any, None]) -> CampaignAnswer:
    """Answer with a campaign."""
    return campaign_answer(
        await operations.get_campaign(call.caller, call.service, call.parameters["campaign"])
    )


async def change(call: Call[Any, CampaignChange]) -> CampaignAnswer:
    """Change a campaign that is not launched yet."""
    body = call.body
    changes = CampaignChanges(
        name=body.name,
        target=UNSET if body.target is UNSET else parse_target(body.target),
        content=body.content,
        plan=plan_changes(body) or UNSET,
        track_clicks=body.track_clicks,
    )
    number = call.parameters["campaign"]
    return campaign_answer(
        await operations.edit_campaign(call.caller, call.service, number, changes, call.now)
    )


async def delete(call: Call[Any, None]) -> None:
    """Delete a campaign."""
    await remove_campaign(call.caller, call.service, call.parameters["campaign"])


def action(operation: Action) -> Handler:
    """Make the handler of an action, which answers with the campaign as it is then."""

    async def handle(call: Call[Any, None]) -> CampaignAnswer:
        return campaign_answer(
            await operation(call.caller, call.service, call.parameters["campaign"], call.now)
        )

    return handle


async def test(call: Call[Any, TestRequest]) -> SendAnswer:
    """Send a campaign to a few."""
    target, number = parse_target(call.body.target), call.parameters["campaign"]
    return _sent(await sending.send_test(call.caller, call.service, number, target, call.now))


async def send(call: Call[Any, SendRequest]) -> SendAnswer:
    """Send content to a few."""
    body = call.body
    draft = SendDraft(
        content=body.content,
        target=parse_target(body.target),
        plan=plan_of(body),
        track_clicks=body.track_clicks,
    )
    site = call.parameters["site"]
    return _sent(await sending.send(call.caller, call.service, site, draft, call.now))


def _sent(sent: Sent) -> SendAnswer:
    return SendAnswer(launch=sent.launch.launch_id, targeted=sent.targeted)


async def campaign_statistics(call: Call[Any, None]) -> Statistics:
    """Answer with what came of a campaign."""
    return await statistics.campaign_statistics(call.caller, call.service, call.parameters["campaign"])


async def launch_statistics(call: Call[Any, None]) -> Statistics:
    """Answer with what came of a launch."""
    return await statistics.launch_statistics(call.caller, call.service, call.parameters["launch"])
