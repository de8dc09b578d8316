"""A restored database is told what Kafka has had since, with topics that hold what the test says."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from campaigns.model.begun import begun, begun_key
from campaigns.model.ids import LaunchId
from campaigns.recovery import recover as module
from campaigns.recovery.guard import compare
from campaigns.recovery.recover import Recovered, StillLaunchingError, recover
from campaigns.store.launching import open_launches
from campaigns.store.recovery import last_launch_number, mark_older, needs_recovery, reached
from campaigns.store.slots import take_slot
from tests.campaigns.collect.records import batch, outcome
from tests.campaigns.model.test_begun import launch_of
from tests.campaigns.model.test_recovery import marker, markers, small_batch
from tests.harness.audiences import (
    NONCE,
    START,
    add_campaign,
    add_launch,
    add_site,
    add_subscribers,
    add_to_outbox,
    subscribers_of,
)
from worker.records.control import CampaignControl, State
from worker.records.topics import CONTROL, EXPIRED, JOBS, OUTCOMES
from worker.records.values import encode_json

NOW = datetime.now(UTC)
TOMORROW = (NOW + timedelta(hours=20)).replace(second=0, microsecond=0)
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
NOTHING = Recovered(launches=0, sends=0, controls=0, outbox=0, erased=0, left=[])
THREE, FIVE = LaunchId(3, NONCE), LaunchId(5, NONCE)


@pytest.fixture
def kafka(monkeypatch):
    """What topics hold, as keys and values, and of `push.launches` what it says."""
    has = SimpleNamespace(markers=markers(), topics={}, since={})

    async def read_markers(_settings: object, *, committed: bool) -> object:
        assert committed
        return has.markers

    async def read(_settings: object, topic: str, since: datetime | None = None):
        has.since[topic] = since
        for key, value in has.topics.get(topic, ()):
            yield SimpleNamespace(key=key, value=value)

    monkeypatch.setattr(module, "read_all_markers", read_markers)
    monkeypatch.setattr(module, "read_topic", read)
    return has


@pytest.fixture
async def site(database):
    async with database.transaction() as connection:
        await mark_older(connection, 0, 0)
        return await add_site(connection)


async def recovered(database) -> Recovered:
    return await recover(None, database, SINCE, NOW)


def began(site: int, **fields) -> tuple[bytes, bytes]:
    launch = launch_of(site=site, **fields)
    return begun_key(launch.launch_id).encode(), encode_json(begun(launch, "UTC"))


async def test_a_kafka_that_has_nothing_lets_everything_go_on(database, kafka, site):
    assert await recovered(database) == NOTHING
    async with database.connection() as connection:
        assert not await needs_recovery(connection)


async def test_a_launch_goes_on_where_it_was_and_may_be_entered_again(database, kafka, site):
    async with database.connection() as connection:
        campaign = await add_campaign(connection, site)
        await connection.execute("UPDATE campaign SET status = 'scheduled'")
    kafka.markers = markers(began(site, campaign=campaign), marker(THREE, 900))
    paused = CampaignControl(1, str(THREE), State.PAUSED, NOW)
    kafka.topics = {CONTROL: [(b"", encode_json(paused))]}
    assert await recovered(database) == NOTHING._replace(launches=1, controls=1)
    assert await recovered(database) == NOTHING
    async with database.connection() as connection:
        [opened] = await open_launches(connection, 3)
        assert (opened.cursor, opened.job, opened.launch.written) == (900, 1, 3)
        assert opened.launch.wanted is State.PAUSED
        assert await connection.fetchval("SELECT status FROM campaign") == "paused"
        assert await last_launch_number(connection) > 1_000_000


@pytest.mark.parametrize("before", ["draft", "scheduled", "refused"])
async def test_a_campaign_that_began_to_recur_since_goes_on(database, kafka, site, before):
    campaign = await _recurring(database, site, before)
    kafka.markers = markers(began(site, campaign=campaign), marker(THREE, 900))
    assert await recovered(database) == NOTHING._replace(launches=1)
    assert await _standing(database) == ("recurring", TOMORROW)


async def test_a_recurring_campaign_that_was_resumed_since_recurs(database, kafka, site):
    campaign = await _recurring(database, site, "paused")
    async with database.connection() as connection:
        await add_launch(
            connection, site, number=3, campaign=campaign, wanted="paused", wanted_at=START, cursor=900
        )
    kafka.topics = {CONTROL: [(b"", encode_json(CampaignControl(1, str(THREE), State.RUNNING, NOW)))]}
    assert await recovered(database) == NOTHING._replace(controls=1)
    assert await _standing(database) == ("recurring", TOMORROW)


async def test_a_campaign_whose_last_time_to_recur_has_passed_is_under_way(database, kafka, site):
    campaign = await _recurring(database, site, "scheduled")
    async with database.connection() as connection:
        await connection.execute("UPDATE campaign SET ends_at = $1", NOW)
    kafka.markers = markers(began(site, campaign=campaign))
    assert await recovered(database) == NOTHING._replace(launches=1)
    assert await _standing(database) == ("queued", None)


async def _recurring(database, site: int, status: str) -> int:
    async with database.connection() as connection:
        campaign = await add_campaign(connection, site)
        daily = {"cron": TOMORROW.strftime("%M %H * * *"), "zone": "UTC"}
        content = {"title": "Hello", "url": "https://shop.example"}
        await connection.execute(
            "UPDATE campaign SET status = $1, recurrence = $2, content = $3", status, daily, content
        )
    return campaign


async def _standing(database) -> tuple[object, ...]:
    async with database.connection() as connection:
        return tuple(await connection.fetchrow("SELECT status, next_at FROM campaign"))


async def test_what_the_backup_knows_only_moves_on(database, kafka, site):
    async with database.connection() as connection:
        await add_launch(connection, site, number=3, cursor=100, job=1, written=2)
    kafka.markers = markers(began(site), marker(THREE, 900))
    assert await recovered(database) == NOTHING
    async with database.connection() as connection:
        [opened] = await open_launches(connection, 3)
        assert (opened.cursor, opened.launch.written) == (900, 3)


async def test_small_sends_since_are_entered_by_their_outcomes(database, kafka, site):
    async with database.connection() as connection:
        await add_launch(connection, site, number=4, state="written", written=1)
    kafka.markers = markers(small_batch(7, FIVE), began(site, id=8), marker(LaunchId(8, NONCE)))
    of_site = {"site_id": f"site_{site}"}
    kafka.topics = {
        OUTCOMES: [
            (None, batch(outcome(0, recipient_id="sub_1"), launch=str(FIVE), job=2, **of_site)),
            (None, batch(outcome(0, recipient_id="sub_1"), launch=f"launch_4_{NONCE}", **of_site)),
            (None, batch(outcome(0, recipient_id="sub_1"), launch=f"launch_8_{NONCE}", **of_site)),
        ]
    }
    assert await recovered(database) == NOTHING._replace(launches=1, sends=1)
    assert kafka.since == {CONTROL: None, OUTCOMES: SINCE, EXPIRED: SINCE}
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT state, written, job, created_at FROM launch WHERE id = 5")
        assert tuple(row) == ("written", 1, 3, SINCE)  # nothing that is reported of it can be older


async def test_what_waited_and_has_been_written_since_leaves_the_outbox(database, kafka, site):
    async with database.connection() as connection:
        await add_launch(connection, site, number=3, state="written")
        await add_to_outbox(connection, 3, [1, 2])
    job = (
        f'{{"job_id":"{THREE}.0","campaign_id":"{THREE}","site_id":"site_{site}",'
        '"recipients":[{"id":"sub_1"}]}'
    )
    kafka.topics = {JOBS: [(None, job.encode())]}
    assert await recovered(database) == NOTHING._replace(outbox=1)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT array_agg(subscriber) FROM outbox") == [2]
        assert await connection.fetchval("SELECT written FROM launch") == 1


async def test_whoever_was_erased_since_is_erased_again(database, kafka, site):
    async with database.connection() as connection:
        await add_subscribers(connection, site, 3)
        first, *others = await subscribers_of(connection, site)
    kafka.topics = {
        EXPIRED: [(f"site_{site}/sub_{each}".encode(), None) for each in (first, first + 1)]
        + [(f"site_{site}/sub_{others[0]}".encode(), b"{}")]
    }
    assert await recovered(database) == NOTHING._replace(erased=1)
    async with database.connection() as connection:
        assert await subscribers_of(connection, site) == others


async def test_a_number_that_was_given_again_goes_back_to_whose_it_was(database, kafka, site):
    async with database.connection() as connection:
        for number in (5, 6):
            await add_launch(connection, site, number=number, nonce="zzzzzzzz", state="written")
            await add_to_outbox(connection, number, [number])
    kafka.markers = markers(began(site, id=5, campaign=None), marker(FIVE, 900))
    assert await recovered(database) == NOTHING._replace(launches=1)
    async with database.connection() as connection:
        launches = await connection.fetch("SELECT id, slot, nonce FROM launch ORDER BY id")
        outbox = await connection.fetch("SELECT launch, relay FROM outbox WHERE subscriber = 5")
        assert await connection.fetchval("SELECT launch FROM outbox WHERE subscriber = 6") == 6
    moved = launches[-1]["id"]
    assert [tuple(row) for row in launches] == [
        (5, 5, NONCE),
        (6, 6, "zzzzzzzz"),
        (moved, moved % 16, "zzzzzzzz"),
    ]
    assert [tuple(row) for row in outbox] == [(moved, moved % 16)]


async def test_what_cannot_be_entered_is_told_and_holds_nothing_up(database, kafka, site):
    async with database.connection() as connection:
        await add_launch(connection, site, number=5, nonce="zzzzzzzz", start_at=START, cursor=7)
    kafka.markers = markers(began(site + 1), began(site, id=5), marker(LaunchId(5, "zzzzzzzz")))
    assert await recovered(database) == NOTHING._replace(left=[THREE, FIVE])
    async with database.transaction() as connection:
        assert await reached(connection) == 5
        assert not await compare(connection, kafka.markers)


async def test_nothing_is_entered_while_somebody_launches(database, kafka, site):
    async with database.connection() as connection:
        await add_launch(connection, site, number=3)
        assert await take_slot(connection, "somebody", 60) == 3
    with pytest.raises(StillLaunchingError):
        await recovered(database)
    async with database.connection() as connection:
        assert await needs_recovery(connection)
