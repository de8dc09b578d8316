"""`pushmill campaigns stats`: what came of a campaign, or of one of its launches."""

from typing import Annotated

import typer

from campaigns.commands.local import local_service, run_locally
from campaigns.commands.sharing import AsJson, say_json
from campaigns.model import ids
from campaigns.model.ids import Kind, LaunchId
from campaigns.model.statistics import ENGAGEMENTS, Statistics
from campaigns.operations.statistics import campaign_statistics, launch_statistics
from worker.commands import MISUSED, end

_COUNTS = ("targeted", "written", "attempted", "accepted", "refused", "not_sent", "unknown", "unsubscribed")


def stats(
    what: Annotated[
        str, typer.Argument(metavar="ID", help="A campaign's id (camp_7), or a launch's (launch_7_abcdefgh).")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what came of a campaign, or of one launch of it."""
    launch, campaign = ids.read_launch(what), ids.read(Kind.CAMPAIGN, what)
    if launch is not None:
        found = run_locally(_of_launch(launch))
    elif campaign is not None:
        found = run_locally(_of_campaign(campaign))
    else:
        end("ID should be a campaign's id, such as camp_7, or a launch's, such as launch_7_abcdefgh", MISUSED)
    if as_json:
        say_json(found)
    else:
        typer.echo("\n".join(_lines(found)))


async def _of_launch(launch: LaunchId) -> Statistics:
    async with local_service() as local:
        return await launch_statistics(*local, launch)


async def _of_campaign(number: int) -> Statistics:
    async with local_service() as local:
        return await campaign_statistics(*local, number)


def _lines(found: Statistics) -> list[str]:
    lines = [f"{getattr(found, name):>12,}  {name.replace('_', ' ')}" for name in _COUNTS]
    lines += [f"{count:>12,}    {status}" for status, count in found.by_status.items()]
    for name in ENGAGEMENTS:
        engagement = getattr(found, name)
        lines.append(f"{engagement.first:>12,}  {name.replace('_', ' ')} ({engagement.total:,} in total)")
    until = "not yet" if found.counted_until is None else f"{found.counted_until:%Y-%m-%d %H:%M:%S} UTC"
    return [*lines, f"counted until: {until}"]
