"""`pushmill campaign`: pauses, resumes or cancels a campaign, and shows its progress."""

import asyncio
import os
import re
import time
from typing import Annotated

import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from worker.commands import FAILED, MISUSED, end
from worker.config import KafkaSettings, load_kafka_settings
from worker.edges.kafka.client import connection, unreachable
from worker.edges.kafka.control import ControlReader
from worker.edges.kafka.reader import TopicReader
from worker.edges.kafka.topics import require_topics
from worker.records.control import CampaignControl, CampaignError, Campaigns, State, change
from worker.records.outcome import Status
from worker.records.stats import Totals
from worker.records.topics import CONTROL, STATS
from worker.records.values import ID_PATTERN, encode_json

app = typer.Typer(help="Pause, resume or cancel a campaign, and see how far it is.", no_args_is_help=True)

Campaign = Annotated[str, typer.Argument(metavar="ID", help="The campaign_id of its jobs.")]


@app.command()
def pause(campaign: Campaign) -> None:
    """Stop sending within 5 seconds; what was not sent waits, and loses nothing of its time to live."""
    _set(campaign, State.PAUSED)


@app.command()
def resume(campaign: Campaign) -> None:
    """Go on at the planned pace: what is left moves back by as long as the pause was."""
    _set(campaign, State.RUNNING)


@app.command()
def cancel(campaign: Campaign) -> None:
    """Stop for good within 5 seconds; what was not sent becomes `cancelled`, an hour later at most."""
    _set(campaign, State.CANCELLED)


@app.command()
def stats(campaign: Campaign) -> None:
    """Add up what push.stats says of a campaign: approximate after a crash, the outcomes are the record."""
    totals = Totals(_checked(campaign), time.time())
    asyncio.run(_read_stats(load_kafka_settings(os.environ), totals))
    if not totals.records:
        end(f"push.stats has no records of campaign {campaign}, or no longer has any", FAILED)
    Console().print(_table(totals))


def _set(campaign: str, wanted: State) -> None:
    settings = load_kafka_settings(os.environ)
    control = asyncio.run(_change(settings, _checked(campaign), wanted))
    typer.echo(f"{campaign} is {control.state.value}; its planned times have moved by {control.shift:.1f} s")


def _checked(campaign: str) -> str:
    if not re.fullmatch(ID_PATTERN, campaign):
        end(
            "ID: is not a valid campaign id: use 1 to 128 of A-Z a-z 0-9 . _ : -, not starting with . or :",
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
    producer = AIOKafkaProducer(
        **connection(settings), acks="all", enable_idempotence=settings.kafka_enable_idempotence
    )
    try:
        await producer.start()
        key = control.campaign_id.encode()
        await producer.send_and_wait(settings.topic_prefix + CONTROL, encode_json(control), key=key)
    except (KafkaError, OSError) as error:
        raise unreachable(settings, error) from error
    finally:
        await producer.stop()


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
