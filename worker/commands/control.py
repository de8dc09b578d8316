"""`pushmill control`: pauses, resumes or cancels a campaign, and shows its progress.

Decides which campaigns may be driven by hand, and what is said of one that nobody has heard of.
"""

import asyncio
import difflib
import os
import re
import time
from typing import Annotated, NamedTuple, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from worker.commands import FAILED, MISUSED, complain, end, run_async
from worker.config import KafkaSettings, load_kafka_settings
from worker.edges.kafka.client import KafkaStuckError, KafkaUnreachableError
from worker.edges.kafka.control import ControlReader
from worker.edges.kafka.producer import RecordProducer
from worker.edges.kafka.reader import TopicReader
from worker.edges.kafka.scan import TopicScan
from worker.edges.kafka.topics import MissingTopicsError, require_topics
from worker.records.control import CampaignControl, CampaignError, Campaigns, State, change
from worker.records.envelope import Publication
from worker.records.outcome import Status
from worker.records.stats import Totals
from worker.records.topics import CONTROL, LAUNCHES, STATS
from worker.records.values import ID_PATTERN, encode_json

LAUNCH = "launch_"
"""How the ids of the campaign service's launches begin."""

SERVICE_CAMPAIGN = re.compile(r"camp_(0|[1-9][0-9]{0,15})")
"""What the campaign service calls its campaigns; jobs of a program of one's own may have such ids, too."""

VERBS = {State.PAUSED: "pause", State.RUNNING: "resume", State.CANCELLED: "cancel"}

NEWEST = 20_000
"""Records of each partition of push.stats in which a campaign is looked for, from the end."""

WRITE_LIMIT = 60.0
"""Seconds that Kafka has to acknowledge a record of push.control; aiokafka itself may try without end."""

app = typer.Typer(help="Pause, resume or cancel a campaign, and show its progress.", no_args_is_help=True)

Campaign = Annotated[str, typer.Argument(metavar="ID", help="The campaign_id of its jobs.")]


@app.command()
def pause(campaign: Campaign) -> None:
    """Stop sending a campaign within 5 seconds. What is left keeps all of its time to live."""
    _set(campaign, State.PAUSED)


@app.command()
def resume(campaign: Campaign) -> None:
    """Continue a paused campaign at its planned pace: what is left moves back by the length of the pause."""
    _set(campaign, State.RUNNING)


@app.command()
def cancel(campaign: Campaign) -> None:
    """Stop a campaign for good within 5 seconds. Whatever is left ends as `cancelled` within an hour."""
    _set(campaign, State.CANCELLED)


@app.command()
def stats(campaign: Campaign) -> None:
    """Show a campaign's counts from push.stats: approximate after a crash, when only outcomes are exact."""
    totals = Totals(_checked(campaign), time.time())
    run_async(_read_stats(load_kafka_settings(os.environ), totals))
    if not totals.records:
        end(_without_stats(campaign), FAILED)
    Console().print(_table(totals))


def _without_stats(campaign: str) -> str:
    problem = f"push.stats has no records of campaign {campaign}, or no longer has any"
    if SERVICE_CAMPAIGN.fullmatch(campaign):
        return f"{problem}; a campaign service's are shown by `pushmill campaigns stats {campaign}`"
    return problem


def _set(campaign: str, wanted: State) -> None:
    if campaign.startswith(LAUNCH):
        _refuse_launch(campaign, wanted)
    run_async(_set_and_look(load_kafka_settings(os.environ), _checked(campaign), wanted))


def _refuse_launch(campaign: str, wanted: State) -> NoReturn:
    verb = VERBS[wanted]
    end(
        f"{_checked(campaign)}: ids that begin with {LAUNCH} are launches of a campaign service, which would "
        f"not know of this: {verb} the campaign there with `pushmill campaigns {verb}`",
        MISUSED,
    )


async def _set_and_look(settings: KafkaSettings, campaign: str, wanted: State) -> None:
    if await _is_the_service_s(settings, campaign):
        verb = VERBS[wanted]
        end(
            f"{campaign}: push.stats knows no job of this id, and the campaign service, which is used here, "
            f"calls its campaigns so: {verb} it with `pushmill campaigns {verb} {campaign}`",
            MISUSED,
        )
    control = await _change(settings, campaign, wanted)
    typer.echo(f"{campaign} is {control.state.value}; its planned times have moved by {control.shift:.1f} s")
    try:
        known = await _look(settings, campaign)
    except (KafkaUnreachableError, MissingTopicsError) as error:
        complain(f"warning: cannot tell whether {campaign} exists: {error}")
        return
    if not known.found:
        complain(_unheard_of(campaign, known))


def _unheard_of(campaign: str, known: "_Known") -> str:
    where = "push.stats knows" if known.all_read else "the newest records of push.stats know"
    like = difflib.get_close_matches(campaign, known.others, n=1, cutoff=0.7)
    meant = f"did you mean {like[0]}?" if like else "is it the campaign_id of the jobs? It may not have begun"
    return f"warning: {where} no campaign {campaign}: {meant}"


def _checked(campaign: str) -> str:
    if not re.fullmatch(ID_PATTERN, campaign):
        end(
            "ID is not a valid campaign id: use letters, digits, . _ : -; at most 128, the first of them "
            "not . or :",
            MISUSED,
        )
    return campaign


async def _change(settings: KafkaSettings, campaign: str, wanted: State) -> CampaignControl:
    await require_topics(settings, CONTROL)
    campaigns = Campaigns()
    reader = ControlReader(settings, campaigns.apply, campaigns.forget)
    try:
        await reader.start()
    finally:
        await reader.stop()
    try:
        control = change(campaign, campaigns.of(campaign), wanted, time.time())
    except CampaignError as error:
        end(str(error), FAILED)
    await _write(settings, control)
    return control


async def _write(settings: KafkaSettings, control: CampaignControl) -> None:
    producer = RecordProducer(settings, "pushmill-control")
    await producer.start()
    try:
        async with asyncio.timeout(WRITE_LIMIT):
            await producer.publish([Publication(CONTROL, control.campaign_id.encode(), encode_json(control))])
    except KafkaStuckError as error:
        end(str(error), FAILED)
    except TimeoutError:
        end(
            f"Kafka has not acknowledged within {WRITE_LIMIT:g} s that {control.campaign_id} is "
            f"{control.state.value}; it may still be written: repeat the command once Kafka answers",
            FAILED,
        )
    finally:
        await producer.stop()


class _Known(NamedTuple):
    """What push.stats says of a campaign; `others` are ids of some other campaigns."""

    found: bool
    all_read: bool
    others: list[str]


async def _look(settings: KafkaSettings, campaign: str) -> _Known:
    """Look for a campaign in the newest records of push.stats, whose keys are the campaigns' ids."""
    await require_topics(settings, STATS)
    scan = TopicScan(settings, STATS)
    others: dict[str, None] = {}
    try:
        await scan.start(newest=NEWEST)
        async for records in scan.batches():
            keys = {(record.key or b"").decode(errors="replace") for record in records}
            if campaign in keys:
                return _Known(found=True, all_read=False, others=[])
            others |= dict.fromkeys(key for key in keys if re.fullmatch(ID_PATTERN, key))
    finally:
        await scan.stop()
    return _Known(found=False, all_read=scan.has_all, others=list(others))


async def _is_the_service_s(settings: KafkaSettings, campaign: str) -> bool:
    """Whether an id is of the campaign service: it has launched, and nobody knows a job of this id."""
    if not SERVICE_CAMPAIGN.fullmatch(campaign):
        return False
    try:
        return await _has_launched(settings) and not (await _look(settings, campaign)).found
    except MissingTopicsError:  # nobody can have launched, or what is missing is told where it is needed
        return False


async def _has_launched(settings: KafkaSettings) -> bool:
    await require_topics(settings, LAUNCHES)
    scan = TopicScan(settings, LAUNCHES)
    try:
        await scan.start(newest=0)
    finally:
        await scan.stop()
    return any(end > 0 for _, end in scan.bounds.values())


async def _read_stats(settings: KafkaSettings, totals: Totals) -> None:
    await require_topics(settings, STATS)
    reader = TopicReader(settings, STATS, lambda _, value: totals.add(value))
    try:
        await reader.read_to_end()
    finally:
        await reader.stop()


def _table(totals: Totals) -> Table:
    table = Table(title=f"campaign {totals.campaign_id}", title_justify="left", show_header=False, box=None)
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_row("accepted", f"{totals.accepted:,}")
    for status in Status:
        table.add_row(status.value, f"{totals.counts[status]:,}")
    table.add_row("not settled yet", f"{max(0, totals.accepted - totals.counts.total()):,}")
    table.add_row("delivery rate", f"{totals.delivery_rate:.1%}")
    table.add_row("pace of the last minute", f"{totals.pace:,.1f} a second")
    return table
