from datetime import timedelta

import msgspec
import pytest

from campaigns.model.ids import LaunchId
from campaigns.model.launch import LaunchState, controlled
from campaigns.model.marker import LaunchMarker
from campaigns.store.launching import (
    count_launches,
    finish_launches,
    keep_controlled,
    keep_cursor,
    keep_last_due,
    launches_to_control,
    newest_marker_offset,
    oldest_in_outbox,
    open_launches,
)
from tests.harness.audiences import NONCE, START, add_campaign, add_launch, add_site, add_to_outbox
from worker.records.control import State


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        yield lent


def marker(number: int, cursor: int, *, job: int = 1, written: int = 100) -> LaunchMarker:
    return LaunchMarker(launch_id=str(LaunchId(number, NONCE)), cursor=cursor, job=job, written=written)


async def keep(connection, number, cursor, offset=0, **fields):
    await keep_cursor(connection, LaunchId(number, NONCE), marker(number, cursor, **fields), offset)


async def test_a_slots_launches_that_are_being_written_with_what_is_known_of_them(connection):
    site = await add_site(connection, zone="Asia/Tokyo")
    await add_launch(connection, site, number=3)
    await add_launch(connection, site, number=19, wanted="paused")
    await add_launch(connection, site, number=35, state="written")
    await add_launch(connection, site, number=4)
    await connection.execute(
        "INSERT INTO launch_count (launch, partition, status, count) VALUES (19, 0, 'sent', 5)"
    )
    await connection.execute(
        "INSERT INTO launch_count (launch, partition, status, count) VALUES (19, 1, 'sent', 6)"
    )
    await connection.execute("""UPDATE site SET defaults = '{"sdk": false}'""")
    one, other = await open_launches(connection, 3)
    assert (one.launch.id, one.launch.start_at, one.cursor, one.job, one.settled) == (3, START, -1, 0, 0)
    assert (other.launch.id, other.launch.wanted, other.settled) == (19, State.PAUSED, 11)
    assert (other.site_zone, other.site_sdk) == ("Asia/Tokyo", False)


async def test_a_cursor_only_goes_forward(connection):
    await add_launch(connection, await add_site(connection), number=3)
    await keep(connection, 3, 500, 7, job=4, written=300)
    await keep(connection, 3, 400, 6, job=3, written=200)
    [opened] = await open_launches(connection, 3)
    assert (opened.cursor, opened.job, opened.launch.written) == (500, 4, 300)
    assert await newest_marker_offset(connection, 3) == 7


async def test_the_marker_of_another_installations_launch_changes_nothing(connection):
    await add_launch(connection, await add_site(connection), number=3)
    await keep_cursor(connection, LaunchId(3, "zzzzzzzz"), marker(3, 500), 7)
    assert await newest_marker_offset(connection, 3) == 0
    assert await newest_marker_offset(connection, 4) == 0


async def test_a_campaign_is_sending_once_somebody_of_it_is_written(connection):
    site = await add_site(connection)
    campaign, other = await add_campaign(connection, site), await add_campaign(connection, site)
    await add_launch(connection, site, number=3, campaign=campaign)
    await keep(connection, 3, 400, written=0)
    assert await connection.fetchval("SELECT status FROM campaign WHERE id = $1", campaign) == "queued"
    await keep(connection, 3, 500)
    assert await connection.fetchval("SELECT status FROM campaign WHERE id = $1", campaign) == "sending"
    assert await connection.fetchval("SELECT status FROM campaign WHERE id = $1", other) == "queued"
    await connection.execute("UPDATE campaign SET status = 'paused'")
    await keep(connection, 3, 600)
    assert await connection.fetchval("SELECT status FROM campaign WHERE id = $1", campaign) == "paused"


async def test_a_launch_that_is_written_is_open_no_more_and_knows_its_last_due_time(connection):
    site = await add_site(connection)
    for number in (3, 19):
        await add_launch(connection, site, number=number)
    later = START + timedelta(hours=1)
    await keep_last_due(connection, 3, later)
    await keep_last_due(connection, 3, START)
    await finish_launches(connection, [3, 19])
    assert await open_launches(connection, 3) == []
    rows = await connection.fetch("SELECT state, last_due_at, written_at FROM launch ORDER BY id")
    assert [(row["state"], row["last_due_at"]) for row in rows] == [
        (LaunchState.WRITTEN, later),
        (LaunchState.WRITTEN, START),
    ]
    assert all(row["written_at"] for row in rows)
    await connection.execute("UPDATE launch SET state = 'done'")
    await finish_launches(connection, [3])
    assert await connection.fetchval("SELECT state FROM launch WHERE id = 3") == "done"


async def test_what_was_said_of_a_launch_is_said_again_if_it_was_out_of_date(connection):
    await add_launch(connection, await add_site(connection), number=3, control_due=True, wanted="paused")
    [launch] = await launches_to_control(connection, 10)
    assert launch.wanted is State.PAUSED
    resumed = controlled(launch, State.RUNNING, launch.wanted_at + timedelta(seconds=60))
    await connection.execute(
        "UPDATE launch SET wanted = $1, wanted_at = $2, shift = $3 WHERE id = 3",
        *(resumed.wanted, resumed.wanted_at, resumed.shift),
    )
    await keep_controlled(connection, launch)
    [again] = await launches_to_control(connection, 10)
    assert (again.wanted, again.shift) == (State.RUNNING, pytest.approx(60))
    await keep_controlled(connection, again)
    assert await launches_to_control(connection, 10) == []
    await keep_controlled(connection, msgspec.structs.replace(again, shift=1.0))  # somebody who comes late
    assert len(await launches_to_control(connection, 10)) == 1


async def test_what_is_under_way_is_counted(connection):
    assert (await count_launches(connection), await oldest_in_outbox(connection)) == ({}, 0)
    site = await add_site(connection)
    states = ("writing", "writing", "written", "done")
    for number, state in enumerate(states):
        await add_launch(connection, site, number=number, state=state)
    await add_launch(connection, site, number=9, wanted="paused")
    assert await count_launches(connection) == {"writing": 2, "written": 1, "paused": 1}
    await add_to_outbox(connection, 2, [1])
    await connection.execute("UPDATE outbox SET created_at = now() - interval '1 minute'")
    assert await oldest_in_outbox(connection) == pytest.approx(60, abs=0.1)
