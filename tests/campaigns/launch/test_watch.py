"""What operators see of launches that nobody writes, although they might be written."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.launch.watch import Patience
from campaigns.model.ids import LaunchId
from campaigns.model.marker import LaunchMarker
from campaigns.store.launching import keep_cursor, open_launches
from tests.harness.audiences import NONCE, add_launch, add_site

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(hours=1)


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        yield lent


async def stalled(connection, patience=None, *, later=0.0):
    opened = await open_launches(connection)
    return (patience or Patience()).look(opened, NOW.timestamp() + later)


async def add(connection, site, number, **columns):
    usual = {"start_at": LONG_AGO, "created_at": LONG_AGO, "wanted_at": LONG_AGO}
    await add_launch(connection, site, number=number, **(usual | columns))


async def test_the_launch_that_has_waited_longest_is_told_whatever_its_slot(connection):
    site = await add_site(connection)
    assert await stalled(connection) == 0
    await add(connection, site, 4, created_at=NOW - timedelta(seconds=90), wanted_at=NOW)
    await add(connection, site, 3, created_at=NOW - timedelta(minutes=2), wanted_at=LONG_AGO)
    assert await stalled(connection) == pytest.approx(120)
    assert await stalled(connection, later=10) == pytest.approx(130)


@pytest.mark.parametrize(
    "columns",
    [
        {"wanted": "paused"},
        {"wanted": "cancelled"},
        {"state": "written"},
        {"state": "done"},
        {"start_at": NOW + timedelta(hours=1)},
        {"stretch_time": 36_000.0, "cursor": 2**52},
        {"local_time": (NOW + timedelta(days=2)).replace(tzinfo=None)},
        {"written": 30_000, "cursor": 2**52},
    ],
    ids=["paused", "cancelled", "written", "done", "later", "stretched", "wall time", "no room"],
)
async def test_whatever_waits_for_something_else_is_not_told(connection, columns):
    await add(connection, await add_site(connection), 3, **columns)
    assert await stalled(connection) == 0


async def test_one_that_has_waited_for_outcomes_waits_for_a_launcher_once_they_have_come(connection):
    await add(connection, await add_site(connection), 3, written=30_000, cursor=2**52)
    patience = Patience()
    assert await stalled(connection, patience) == 0
    await connection.execute(
        "INSERT INTO launch_count (launch, partition, status, count) VALUES (3, 0, 'sent', 30000)"
    )
    assert await stalled(connection, patience, later=60) == 0
    assert await stalled(connection, patience, later=90) == 30


async def test_one_that_is_resumed_has_waited_since_then(connection):
    await add(connection, await add_site(connection), 3, wanted_at=NOW - timedelta(seconds=7))
    assert await stalled(connection) == pytest.approx(7)


async def test_a_chunk_that_is_written_ends_the_wait(connection):
    await add(connection, await add_site(connection), 3)
    assert await stalled(connection) == pytest.approx(3600)
    launch = LaunchId(3, NONCE)
    marker = LaunchMarker(launch_id=str(launch), cursor=5, job=1, written=3)
    await keep_cursor(connection, launch, marker, 7)
    assert await stalled(connection) < 600
