"""`pushmill campaigns pause`, `resume` and `cancel`."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from campaigns.adapters.own.campaign_wire import campaign_answer
from campaigns.commands.local import local_service, run_locally
from campaigns.commands.sharing import AsJson, number_of, say_json
from campaigns.model.ids import Kind
from campaigns.model.scope import Scope
from campaigns.operations.campaigns import CampaignView, cancel_campaign, pause_campaign, resume_campaign
from campaigns.operations.service import Service

Action = Callable[[Scope, Service, int, datetime], Awaitable[CampaignView]]
Campaign = Annotated[str, typer.Argument(metavar="ID", help="The campaign's id, such as camp_7.")]


def pause(campaign: Campaign, *, as_json: AsJson = False) -> None:
    """Stop a campaign until it is resumed, within seconds. What is left keeps all of its time to live."""
    _act(campaign, pause_campaign, as_json=as_json)


def resume(campaign: Campaign, *, as_json: AsJson = False) -> None:
    """Let a paused campaign go on where it was."""
    _act(campaign, resume_campaign, as_json=as_json)


def cancel(campaign: Campaign, *, as_json: AsJson = False) -> None:
    """Stop a campaign for good, within seconds."""
    _act(campaign, cancel_campaign, as_json=as_json)


def _act(campaign: str, action: Action, *, as_json: bool) -> None:
    view = run_locally(_take(number_of(Kind.CAMPAIGN, campaign, "ID"), action))
    if as_json:
        say_json(campaign_answer(view))
    else:
        typer.echo(f"{campaign} is {view.campaign.status}")


async def _take(number: int, action: Action) -> CampaignView:
    async with local_service() as local:
        return await action(*local, number, datetime.now(UTC))
