from datetime import timedelta

import pytest

from campaigns.model.begun import begun, begun_key, read_begun
from campaigns.model.ids import LaunchId
from campaigns.model.recovery import SmallSend
from campaigns.store.launching import open_launches
from campaigns.store.recovery import (
    MARGIN,
    NUMBERED,
    end_recovery,
    enter_launch,
    enter_send,
    keep_control,
    last_launch_number,
    launches_waiting,
    mark_older,
    move_on,
    needs_recovery,
    nonces_of,
    reached,
    take_out,
)
from campaigns.store.relaying import stamp_batch
from tests.campaigns.model.test_begun import NINE, launch_of
from tests.harness.audiences import NONCE, START, add_campaign, add_launch, add_site, add_to_outbox
from worker.records.control import CampaignControl, State
from worker.records.values import encode_json

NEXT = "SELECT nextval(pg_get_serial_sequence($1, 'id'))"
THREE = LaunchId(3, NONCE)
NINE_LATER = START + timedelta(seconds=9)


@pytest.fixture
async def connection(database):
    async with database.transaction() as lent:
        yield lent


@pytest.fixture
async def site(connection):
    return await add_site(connection)


def restored(site: int, **fields):
    value = encode_json(begun(launch_of(site=site, **fields), "Asia/Tokyo"))
    return read_begun(begun_key(str(THREE)), value)


async def status(connection, campaign: int) -> str:
    return await connection.fetchval("SELECT status FROM campaign WHERE id = $1", campaign)


async def test_the_last_number_is_the_highest_that_was_given_or_is_there(connection, site):
    assert await last_launch_number(connection) == 0
    assert await connection.fetchval(NEXT, "launch") == 1
    assert await last_launch_number(connection) == 1
    await add_launch(connection, site, number=5)
    assert await last_launch_number(connection) == 5
    assert await nonces_of(connection, [5, 6]) == {5: NONCE}


async def test_that_it_is_older_is_known_until_it_has_been_mended(connection):
    assert not await needs_recovery(connection)
    for _ in range(2):
        await mark_older(connection, 7_000_000, 12)
    assert await needs_recovery(connection)
    assert await connection.fetchval(NEXT, "launch") > 7_000_000 + MARGIN
    assert await connection.fetchval(NEXT, "outbox") > MARGIN
    await end_recovery(connection, 7)
    assert not await needs_recovery(connection)
    assert await reached(connection) == 7
    await mark_older(connection, 0, 0)
    assert await needs_recovery(connection)


async def test_where_nothing_was_found_out_it_is_kept_too_what_was_entered(connection):
    assert await reached(connection) == 0
    await end_recovery(connection, 7)
    assert await reached(connection) == 7
    assert not await needs_recovery(connection)


async def test_no_number_is_given_again(connection):
    for table in (*NUMBERED, "outbox", "former_zone"):
        before = await connection.fetchval(NEXT, table)
        await move_on(connection, table)
        assert await connection.fetchval(NEXT, table) > before + MARGIN
        await move_on(connection, table, 5 * MARGIN)
        assert await connection.fetchval(NEXT, table) > 6 * MARGIN


@pytest.mark.parametrize("before", ["draft", "scheduled", "refused"])
async def test_a_launch_is_entered_as_it_began_and_its_campaign_does_not_begin_again(
    connection, site, before
):
    campaign = await add_campaign(connection, site)
    await connection.execute("UPDATE campaign SET status = $1", before)
    there = restored(site, campaign=campaign)
    assert await enter_launch(connection, there)
    assert not await enter_launch(connection, there)
    assert await status(connection, campaign) == "queued"
    [opened] = await open_launches(connection, 3)
    launch = opened.launch
    assert (launch.launch_id, launch.campaign, opened.cursor, opened.site_zone) == (
        *(str(THREE), campaign, -1),
        "Asia/Tokyo",
    )
    for name in (
        "moment",
        "content",
        "target",
        "start_at",
        "stretch_time",
        "ttl",
        "ends_at",
        "topic",
        "translations",
    ):
        assert getattr(launch, name) == getattr(there.new, name), name
    assert (launch.created_at, launch.last_due_at) == (there.new.start_at, there.last_due_at)


async def test_a_launch_at_a_wall_time_is_entered_too(connection, site):
    assert await enter_launch(connection, restored(site, local_time=NINE, campaign=None))
    [opened] = await open_launches(connection, 3)
    assert opened.launch.local_time == NINE
    mark = opened.launch.zone_mark
    assert mark is not None  # whoever travels from now on is neither in two parts nor in none
    assert await connection.fetchval(NEXT, "former_zone") > mark


async def test_a_recurring_campaign_stays_so(connection, site):
    campaign = await add_campaign(connection, site)
    await connection.execute("UPDATE campaign SET status = 'recurring'")
    assert await enter_launch(connection, restored(site, campaign=campaign))
    assert await status(connection, campaign) == "recurring"


@pytest.mark.parametrize("told", [State.PAUSED, State.CANCELLED])
async def test_a_recurring_campaign_is_stopped_with_its_launch(connection, site, told):
    campaign = await add_campaign(connection, site)
    await connection.execute("UPDATE campaign SET status = 'recurring', next_at = now()")
    await add_launch(connection, site, number=3, campaign=campaign, wanted_at=START)
    assert await keep_control(connection, THREE, CampaignControl(1, str(THREE), told, NINE_LATER))
    row = await connection.fetchrow("SELECT status, next_at FROM campaign")
    assert tuple(row) == (told, None)


async def test_what_has_lost_its_site_or_its_number_cannot_be_entered(connection, site):
    assert not await enter_launch(connection, restored(site + 1))
    assert not await enter_send(connection, THREE, SmallSend(site + 1, 1, {1}), START)
    await add_launch(connection, site, number=3, nonce="zzzzzzzz")
    assert not await enter_launch(connection, restored(site))
    assert not await enter_send(connection, THREE, SmallSend(site, 1, {1}), START)


async def test_of_a_campaign_that_is_gone_the_launch_is_entered(connection, site):
    assert await enter_launch(connection, restored(site, campaign=77))
    [opened] = await open_launches(connection, 3)
    assert opened.launch.campaign is None


async def test_a_small_send_is_entered_as_written(connection, site):
    assert await enter_send(connection, THREE, SmallSend(site, 4, {1, 2}), START)
    row = await connection.fetchrow("SELECT state, targeted, written, job, content FROM launch")
    assert tuple(row) == ("written", 2, 2, 4, {"title": "Shop", "url": "https://shop.example"})


@pytest.mark.parametrize(
    ("told", "becomes"),
    [(State.RUNNING, "sending"), (State.PAUSED, "paused"), (State.CANCELLED, "cancelled")],
)
async def test_what_the_worker_was_told_later_is_wanted(connection, site, told, becomes):
    campaign = await add_campaign(connection, site)
    wanted = "paused" if told is State.RUNNING else "running"
    await add_launch(connection, site, number=3, campaign=campaign, wanted=wanted, wanted_at=START)
    await connection.execute("UPDATE campaign SET status = 'paused'")
    later = CampaignControl(1, str(THREE), told, NINE_LATER, 4.0)
    assert not await keep_control(connection, LaunchId(3, "zzzzzzzz"), later)
    assert await keep_control(connection, THREE, later)
    assert not await keep_control(connection, THREE, later)
    row = await connection.fetchrow("SELECT wanted, wanted_at, shift, control_due FROM launch")
    assert tuple(row) == (told, NINE_LATER, 4.0, True)
    assert await status(connection, campaign) == becomes


async def test_what_is_wanted_since_the_backup_stays(connection, site):
    await add_launch(connection, site, number=3, wanted="paused", wanted_at=NINE_LATER)
    await add_launch(connection, site, number=4, state="done", wanted_at=START)
    await add_launch(connection, site, number=5, wanted="cancelled", wanted_at=START)
    for number in (3, 4, 5):
        told = CampaignControl(1, f"launch_{number}_{NONCE}", State.RUNNING, START + timedelta(seconds=5))
        assert not await keep_control(connection, LaunchId(number, NONCE), told)


async def test_who_was_sent_to_leaves_the_outbox_and_the_rest_becomes_new_batches(connection, site):
    await add_launch(connection, site, number=3, state="written", written=1, job=2)
    await add_to_outbox(connection, 3, [1, 2, 3])
    old = await stamp_batch(connection, 3)
    await add_to_outbox(connection, 3, [4, 5])
    assert await launches_waiting(connection) == {THREE}
    await move_on(connection, "outbox", 40)
    await take_out(connection, {THREE: SmallSend(site, 6, {1, 2, 5, 99})})
    rows = await connection.fetch("SELECT id, subscriber, batch FROM outbox ORDER BY id")
    assert sorted((row["subscriber"], row["batch"]) for row in rows) == [(3, None), (4, None)]
    assert min(row["id"] for row in rows) > old + MARGIN
    assert tuple(await connection.fetchrow("SELECT written, job FROM launch")) == (4, 6)
    assert await stamp_batch(connection, 3) > old + MARGIN
