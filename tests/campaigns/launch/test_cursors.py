"""What launchers and relays keep of the markers that they find."""

import pytest
from structlog.testing import capture_logs

from campaigns.launch.markers import FoundMarker
from campaigns.launch.outbox import BatchCursors
from campaigns.launch.slot_launcher import LaunchCursors
from campaigns.model.marker import BatchMarker, LaunchMarker
from campaigns.store.relaying import stamp_batch, stamped_batch
from tests.harness.audiences import add_launch, add_site, add_to_outbox
from worker.records.values import encode_json

SLOT, LAUNCH, ID = 3, 3, "launch_3_abcdefgh"


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        await add_launch(lent, await add_site(lent), number=LAUNCH)
        yield lent


def launch_marker(cursor: int, offset: int, launch_id: str = ID) -> FoundMarker:
    marker = LaunchMarker(launch_id=launch_id, cursor=cursor, job=2, written=150)
    return FoundMarker(launch_id, encode_json(marker), offset)


def batch_marker(batch: int, offset: int, slot: int = SLOT) -> FoundMarker:
    marker = BatchMarker(relay=slot, batch=batch, written={ID: 4, "foreign": 1})
    return FoundMarker(f"relay-{slot}", encode_json(marker), offset)


async def test_a_launchers_markers_are_kept_and_what_is_none_is_passed_over(database, connection):
    cursors = LaunchCursors(database, SLOT)
    assert await cursors.begin() == 0
    found = [
        *(batch_marker(1, 9), FoundMarker(ID, b"no marker", 8), FoundMarker("elsewhere", b"{}", 7)),
        *(launch_marker(500, 5), launch_marker(500, 6, "launch_77_abcdefgh")),
    ]
    await cursors.keep(found)
    assert await cursors.begin() == 5
    assert await connection.fetchval("SELECT cursor FROM launch") == 500


async def test_what_only_looks_like_a_relays_marker_is_passed_over(database, connection):
    await add_to_outbox(connection, LAUNCH, [1, 2])
    batch = await stamp_batch(connection, SLOT)
    with capture_logs() as logs:
        found = [FoundMarker(f"relay-{SLOT}", b"no marker", 7), batch_marker(batch, 8)]
        await BatchCursors(database, SLOT).keep(found)
    assert await stamped_batch(connection, SLOT) is None
    assert [(each["event"], each["offset"]) for each in logs] == [("a marker cannot be read", 7)]


def test_what_is_a_marker_and_what_only_looks_like_one():
    launches, batches = LaunchCursors(None, SLOT), BatchCursors(None, SLOT)
    launch, batch, value = launch_marker(500, 5), batch_marker(1, 9), encode_json({"v": 1})
    assert launches.is_marker(launch)
    assert batches.is_marker(batch)
    for none in (batch, FoundMarker(ID, value, 6), launch._replace(key="launch_77_abcdefgh")):
        assert not launches.is_marker(none)
    for none in (launch, FoundMarker(f"relay-{SLOT}", value, 7), batch_marker(1, 8, slot=4)):
        assert not batches.is_marker(none)
    assert not batches.is_marker(batch_marker(1, 8, slot=4)._replace(key=f"relay-{SLOT}"))


async def test_a_batch_whose_marker_is_found_is_deleted_and_counted(database, connection):
    await connection.execute("UPDATE launch SET state = 'written'")
    await add_to_outbox(connection, LAUNCH, [1, 2, 3, 4, 5])
    batch = await stamp_batch(connection, SLOT)
    cursors = BatchCursors(database, SLOT)
    for other in (batch_marker(batch + 1, 7), batch_marker(batch, 8, slot=4), launch_marker(500, 9)):
        await cursors.keep([other])
    assert await stamped_batch(connection, SLOT) == batch
    for _ in range(2):
        await cursors.keep([batch_marker(batch, 11)])
    assert await stamped_batch(connection, SLOT) is None
    assert await connection.fetchval("SELECT written FROM launch") == 4
    assert await cursors.begin() == 11
