"""Launches at a wall time, while subscribers change zones: everybody gets one push, when they expect it."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from campaigns.launch import chunks
from campaigns.launch.blueprints import blueprint_of
from campaigns.launch.chunks import next_chunk
from campaigns.launch.parts import parts_of
from campaigns.model.ids import Kind, LaunchId, read
from campaigns.model.launch import NewLaunch
from campaigns.model.secrets import Key
from campaigns.model.target import Everyone
from campaigns.store.launches import add_launch
from campaigns.store.launching import keep_cursor, open_launches
from tests.campaigns.store.support import until_somebody_waits
from tests.harness.audiences import NONCE, add_site, add_subscribers, subscribers_of
from worker.records.job import decode_job
from worker.records.notification import Notification

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
NINE = datetime(2026, 11, 27, 9)  # noqa: DTZ001 - wall time
SITE_ZONE = "Europe/Berlin"
ZONES = ("Pacific/Kiritimati", "Asia/Tokyo", "Asia/Kolkata", SITE_ZONE, "America/New_York", "Etc/GMT+12")
ELSEWHERE = (*ZONES, "no zone at all", None)
MOVE = "UPDATE subscriber SET zone = $2 WHERE id = $1"


async def begin(connection, site: int) -> LaunchId:
    """Launch at nine o'clock, wherever one is."""
    new = NewLaunch(
        nonce=NONCE,
        site=site,
        campaign=None,
        moment=NOW,
        content=Notification("Hello", "https://shop.example/"),
        target=Everyone(),
        start_at=NOW,
        local_time=NINE,
        stretch_time=0.0,
        ttl=3600,
    )
    async with connection.transaction():
        launch = await add_launch(connection, new, NOW)
    return LaunchId(launch.id, launch.nonce)


async def write_chunk(connection, launch: LaunchId) -> list[tuple[int, datetime]] | None:
    """Write a chunk as a launcher does; return who is in it, and when they are due. None at the end."""
    [opened] = [each for each in await open_launches(connection) if each.launch.id == launch.number]
    parts = parts_of(opened.launch, opened.site_zone, available_timezones())
    blueprint = blueprint_of(
        opened.launch, public_url="https://push.example", token_key=Key(1, bytes(32)), own_worker=True
    )
    chunk = await next_chunk(connection, opened, parts, blueprint)
    if chunk is None:
        return None
    await keep_cursor(connection, launch, chunk.cursor, 1)
    jobs = [decode_job(record.value).job for record in chunk.records]
    return [(read(Kind.SUBSCRIBER, each.id), job.start_at) for job in jobs for each in job.recipients]


def due_in(zone: str | None) -> datetime:
    """When it is nine there; nobody knows where another place is, so that it is nine at the site."""
    return NINE.replace(tzinfo=ZoneInfo(zone if zone in ZONES else SITE_ZONE))


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        yield lent


@pytest.fixture
async def site(connection):
    number = await add_site(connection, zone=SITE_ZONE)
    await add_subscribers(connection, number, 60)
    return number


@pytest.mark.parametrize("seed", range(12))
async def test_everybody_gets_one_push_where_they_were_when_it_began(connection, site, seed, monkeypatch):
    dice = random.Random(seed)
    monkeypatch.setattr(chunks, "CHUNK", dice.choice([1, 7, 50]))
    everybody = await subscribers_of(connection, site)

    async def travel(share: float) -> None:
        for each in everybody:
            while dice.random() < share:
                await connection.execute(MOVE, each, dice.choice(ELSEWHERE))

    await travel(0.7)
    there = await connection.fetch("SELECT id, zone FROM subscriber")
    launch = await begin(connection, site)
    await travel(0.3)
    found: list[tuple[int, datetime]] = []
    while (chunk := await write_chunk(connection, launch)) is not None:
        found += chunk
        await travel(0.2)
    assert sorted(found) == sorted((row["id"], due_in(row["zone"])) for row in there)


async def test_two_launches_each_find_everybody_where_they_were(connection, site):
    [subscriber, *_] = await subscribers_of(connection, site)
    launches = {}
    for zone in ("Asia/Tokyo", "America/New_York"):
        await connection.execute(MOVE, subscriber, zone)
        launches[zone] = await begin(connection, site)
    await connection.execute(MOVE, subscriber, "Etc/GMT+12")
    for zone, launch in launches.items():
        found = []
        while (chunk := await write_chunk(connection, launch)) is not None:
            found += chunk
        assert [due for number, due in found if number == subscriber] == [due_in(zone)]


async def test_who_comes_later_gets_it_once_at_most(connection, site, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 10)
    launch, found = await begin(connection, site), []
    while (chunk := await write_chunk(connection, launch)) is not None:
        found += [number for number, _ in chunk]
        if len(found) == 10:
            await add_subscribers(connection, site, 13, first=1)
            await connection.execute("UPDATE subscriber SET zone = 'Etc/GMT+12' WHERE zone = 'Asia/Tokyo'")
            await connection.execute("UPDATE subscriber SET zone = 'Asia/Tokyo' WHERE zone IS NULL")
    assert len(found) == len({*found})
    assert len(found) >= 60


async def test_a_launch_waits_for_whoever_is_changing_a_zone(database, connection, site):
    [subscriber, *_] = await subscribers_of(connection, site)
    await connection.execute(MOVE, subscriber, "Asia/Tokyo")
    async with database.connection() as other:
        async with database.transaction() as travelling:
            await travelling.execute(MOVE, subscriber, "America/New_York")
            beginning = asyncio.create_task(begin(other, site))
            await until_somebody_waits(database)
        launch = await beginning
    found = []
    while (chunk := await write_chunk(connection, launch)) is not None:
        found += chunk
    assert [due for number, due in found if number == subscriber] == [due_in("America/New_York")]


async def test_launches_of_other_sites_wait_for_nobody(database, connection, site):
    other = await add_site(connection, key="other")
    [subscriber, *_] = await subscribers_of(connection, site)
    async with database.transaction() as travelling:
        await travelling.execute(MOVE, subscriber, "America/New_York")
        async with asyncio.timeout(60):
            assert await write_chunk(connection, await begin(connection, other)) == []


async def test_only_a_change_of_the_zone_is_remembered(connection, site):
    await connection.execute("UPDATE subscriber SET zone = zone, language = 'it'")
    assert await connection.fetchval("SELECT count(*) FROM former_zone") == 0
    await connection.execute("UPDATE subscriber SET zone = 'Asia/Tokyo' WHERE zone IS NULL")
    rows = await connection.fetch("SELECT DISTINCT site, zone FROM former_zone")
    assert [tuple(row) for row in rows] == [(site, None)]


def test_the_zones_of_these_tests_are_apart():
    assert len({due_in(zone) for zone in ZONES}) == len(ZONES)
    assert max(map(due_in, ZONES)) - min(map(due_in, ZONES)) == timedelta(hours=26)
