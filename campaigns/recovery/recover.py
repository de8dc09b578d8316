"""Entering what a restored database has missed: all in one transaction, so that it may be tried again.

Decides in which order; what records say is the model's matter.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from campaigns.model.campaign import CampaignStatus
from campaigns.model.ids import LaunchId
from campaigns.model.recovery import Controls, Markers, Sends, erased, recurred
from campaigns.recovery.guard import read_all_markers
from campaigns.recovery.topics import read_topic
from campaigns.store.campaigns import replace_campaign
from campaigns.store.database import Connection, Database
from campaigns.store.launching import keep_cursor
from campaigns.store.recovery import (
    NUMBERED,
    campaign_that_recurs,
    end_recovery,
    enter_launch,
    enter_send,
    give_another_number,
    keep_control,
    launches_waiting,
    move_on,
    nonces_of,
    take_out,
)
from campaigns.store.slots import is_held
from campaigns.store.subscribers import erase_subscriber, find_subscriber_of_site
from worker.config import KafkaSettings
from worker.records.control import State
from worker.records.topics import CONTROL, EXPIRED, INPUTS, OUTCOMES

BEGINS = (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED, CampaignStatus.REFUSED)
RESUMES = (CampaignStatus.PAUSED,)
"""Where the backup has a campaign that recurs when it is launched since, and when it is resumed."""

STILL_LAUNCHING = (
    "launchers are at work on this database: stop the role `launcher` first, and wait for 15 seconds"
)


class StillLaunchingError(RuntimeError):
    """What is being written meanwhile would be written again."""


class Recovered(NamedTuple):
    """What has been entered.

    Attributes:
        launches: Launches that the database did not have; they go on where they were.
        sends: Small sends that it did not have.
        controls: Launches of which something else is wanted than it knew.
        outbox: Launches whose small sends waited in it, and were compared with Kafka.
        erased: Subscribers who were erased again.
        left: Launches that could not be entered: their site is gone, or their number was given again.
    """

    launches: int
    sends: int
    controls: int
    outbox: int
    erased: int
    left: list[LaunchId]


class _Known(NamedTuple):
    """What Kafka has."""

    markers: Markers
    controls: Controls
    sends: Sends
    outbox: Sends
    erased: set[tuple[int, int]]


async def recover(settings: KafkaSettings, database: Database, since: datetime, now: datetime) -> Recovered:
    """Enter what Kafka has and the database does not; nothing may be launched meanwhile.

    Args:
        settings: How to reach Kafka.
        database: PostgreSQL.
        since: When the backup was made, or some time before.
        now: The moment.

    Raises:
        StillLaunchingError: Somebody launches meanwhile.
        KafkaUnreachableError: Kafka does not answer.
        DatabaseAwayError: The database cannot be used; nothing has been entered.
    """
    known = await _read(settings, database, since)
    async with database.transaction() as connection:
        return await _enter(connection, known, since, now)


async def _read(settings: KafkaSettings, database: Database, since: datetime) -> _Known:
    async with database.connection() as connection:
        if await is_held(connection):
            raise StillLaunchingError(STILL_LAUNCHING)
    markers = await read_all_markers(settings, committed=True)
    async with database.connection() as connection:
        there = await nonces_of(connection, (launch.number for launch in markers.named))
        waiting = await launches_waiting(connection)
    told = {*markers.placed, *markers.restored, *(LaunchId(*each) for each in there.items()), *waiting}
    sends, outbox = Sends(lambda launch: launch not in told), Sends(waiting.__contains__)
    known = _Known(markers, Controls(), sends, outbox, set())
    async for record in read_topic(settings, CONTROL):
        known.controls.take(record.value)
    async for record in read_topic(settings, OUTCOMES, since):
        known.sends.take_outcomes(record.value)
    for topic in INPUTS if waiting else ():
        async for record in read_topic(settings, topic, since):
            known.outbox.take_job(record.value)
    async for record in read_topic(settings, EXPIRED, since):
        if (who := erased(record.key, record.value)) is not None:
            known.erased.add(who)
    return known


async def _enter(connection: Connection, known: _Known, since: datetime, now: datetime) -> Recovered:
    highest = await _move_on(connection, known)
    await _make_room(connection, {*known.markers.named, *known.sends.found})
    launches, left = 0, []
    for launch, restored in sorted(known.markers.restored.items()):
        if (await nonces_of(connection, [launch.number])).get(launch.number) == launch.nonce:
            continue
        if await enter_launch(connection, restored):
            launches += 1
            await _recur(connection, launch, BEGINS, now)
        else:
            left.append(launch)
    for launch, placed in sorted(known.markers.placed.items()):
        await keep_cursor(connection, launch, placed.marker, placed.offset)
    sends = 0
    for launch, send in sorted(known.sends.found.items()):
        if (await nonces_of(connection, [launch.number])).get(launch.number) == launch.nonce:
            continue
        if await enter_send(connection, launch, send, since):  # it was made then, or later
            sends += 1
        else:
            left.append(launch)
    controls = 0
    for launch, control in sorted(known.controls.newest.items()):
        if await keep_control(connection, launch, control):
            controls += 1
            if control.state is State.RUNNING:
                await _recur(connection, launch, RESUMES, now)
    await take_out(connection, known.outbox.found)
    gone = [await _erase(connection, *each) for each in sorted(known.erased)]
    await end_recovery(connection, highest)
    return Recovered(launches, sends, controls, len(known.outbox.found), sum(gone), left)


async def _recur(
    connection: Connection, launch: LaunchId, statuses: Iterable[CampaignStatus], now: datetime
) -> None:
    """Let the campaign of a launch recur from now on, if it is one that does and in one of these statuses."""
    campaign = await campaign_that_recurs(connection, launch, statuses)
    if campaign is not None:
        await replace_campaign(connection, recurred(campaign, now))


async def _move_on(connection: Connection, known: _Known) -> int:
    """Give no number again that may be known outside; return the highest one of a launch."""
    highest = max(known.markers.highest, *(launch.number for launch in known.sends.found), 0)
    for table in NUMBERED:
        await move_on(connection, table, highest if table == "launch" else 0)
    await move_on(connection, "outbox", known.markers.highest_batch)
    await move_on(connection, "former_zone")
    return highest


async def _make_room(connection: Connection, named: set[LaunchId]) -> None:
    """Let launches that were made since the restore leave their numbers to those who had them first."""
    there = await nonces_of(connection, (launch.number for launch in named))
    for launch in sorted(LaunchId(*each) for each in there.items()):
        if launch not in named:
            await give_another_number(connection, launch)


async def _erase(connection: Connection, site: int, number: int) -> bool:
    found = await find_subscriber_of_site(connection, site, number)
    if found is not None:
        await erase_subscriber(connection, found)
    return found is not None
