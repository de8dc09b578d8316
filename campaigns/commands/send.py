"""`pushmill campaigns send`: a notification to a site's subscribers, now."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import typer

from campaigns.commands.content import Badge, Body, Icon, Image, Json, Title, Url, content_of
from campaigns.commands.local import local_service, run_locally
from campaigns.commands.sharing import AsJson, number_of, say_json
from campaigns.model.ids import Kind
from campaigns.model.launch import Launch
from campaigns.model.problems import InvalidError
from campaigns.model.target import Everyone, ExternalIds, Subscribers, Target, parse_target
from campaigns.operations.campaigns import CampaignDraft, create_campaign, launch_campaign
from campaigns.operations.sending import SendDraft
from campaigns.operations.sending import send as send_to_few
from worker.commands import FAILED, MISUSED, complain, end

NAME_MAX = 200

_OPTIONS = {
    "target.subscribers": "--subscriber",
    "target.external_ids": "--external-id",
    "target.tags": "--tag",
    "target.segment": "--segment",
}
"""What the fields of a target are called here."""


def send(
    site: Annotated[str, typer.Argument(metavar="SITE", help="The site's id, such as site_7.")],
    *,
    title: Title = None,
    url: Url = None,
    body: Body = None,
    icon: Icon = None,
    image: Image = None,
    badge: Badge = None,
    content: Json = None,
    subscriber: Annotated[
        list[str] | None, typer.Option(help="Only to this one, such as sub_7. May be given again.")
    ] = None,
    external_id: Annotated[
        list[str] | None, typer.Option(help="Only to this user of the site. May be given again.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only to those with this tag. May be given again.")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="Only to those in this segment, such as seg_7.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send a notification to all subscribers of a site, or to some. What came of it: `stats`.

    Fails if there is nobody to send it to.
    """
    number = number_of(Kind.SITE, site, "SITE")
    tree = content_of(content, title=title, url=url, body=body, icon=icon, image=image, badge=badge)
    target = _target(
        {"subscribers": subscriber, "external_ids": external_id, "tags": tag, "segment": segment}
    )
    _tell(run_locally(_send(number, tree, target, title or "Sent by command")), target, as_json=as_json)


def _tell(launch: Launch, target: Target, *, as_json: bool) -> None:
    if as_json:
        say_json({"launch": launch.launch_id, "targeted": launch.targeted})
    else:
        typer.echo(f"{launch.launch_id}  to {launch.targeted:,} subscriber{'s' * (launch.targeted != 1)}")
    if not launch.targeted:
        end(f"nobody gets it: {_nobody(target)}", FAILED)
    if isinstance(target, Subscribers) and launch.targeted < len({*target.numbers}):
        complain(f"{len({*target.numbers}) - launch.targeted} of --subscriber get nothing: {_nobody(target)}")


def _nobody(target: Target) -> str:
    if isinstance(target, Subscribers):
        return "there is no active subscriber of that id"
    if isinstance(target, ExternalIds):
        return "there is no active subscriber of that external id"
    return "the site has no active subscriber whom it is for"


def _target(given: dict[str, Any]) -> Target:
    chosen = {name: value for name, value in given.items() if value}
    if len(chosen) > 1:
        end("give only one of --subscriber, --external-id, --tag and --segment", MISUSED)
    try:
        return parse_target(chosen) if chosen else Everyone()
    except InvalidError as error:
        _refuse(error)


def _refuse(error: InvalidError) -> NoReturn:
    """End with what is wrong, in the words of the command line."""
    problem = error.detail
    for field, option in _OPTIONS.items():
        problem = re.sub(rf"{re.escape(field)}(\[\d+\])?", option, problem)
    end(problem, MISUSED)


async def _send(site: int, content: Any, target: Target, name: str) -> Launch:
    try:
        return await _launch(site, content, target, name)
    except InvalidError as error:
        _refuse(error)


async def _launch(site: int, content: Any, target: Target, name: str) -> Launch:
    now = datetime.now(UTC)
    async with local_service() as (scope, service):
        if isinstance(target, Subscribers | ExternalIds):
            draft = SendDraft(content=content, target=target)
            return (await send_to_few(scope, service, site, draft, now)).launch
        async with service.begin() as connection:
            inside = service.within(connection)
            campaign = CampaignDraft(name=name[:NAME_MAX], content=content, target=target)
            made = await create_campaign(scope, inside, site, campaign, now)
            return (await launch_campaign(scope, inside, made.campaign.id, now)).launches[-1]
