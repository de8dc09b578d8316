import asyncio

import pytest

from campaigns.launch import lease as module
from campaigns.launch.lease import kept, take_lease
from tests.harness.audiences import add_launch, add_site
from tests.harness.waiting import until


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        await add_launch(lent, await add_site(lent), number=3)
        yield lent


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.01)


async def holder(connection):
    return await connection.fetchval("SELECT holder FROM slot WHERE number = 3")


async def test_one_launcher_holds_a_slot_and_leaves_it_at_the_end(database, connection):
    lease = await take_lease(database, "one")
    assert lease is not None
    assert (lease.slot, lease.held) == (3, True)
    assert await take_lease(database, "other") is None
    async with kept(lease):
        assert await holder(connection) == "one"
    assert not lease.held
    assert await holder(connection) is None


async def test_a_lease_is_renewed_as_long_as_it_is_kept(database, connection):
    lease = await take_lease(database, "one")
    [before] = await connection.fetchrow("SELECT until FROM slot WHERE number = 3")
    renewed = "SELECT until > $1 FROM slot WHERE number = 3"
    async with kept(lease), asyncio.timeout(60):
        while not await connection.fetchval(renewed, before):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        assert lease.held


async def test_a_lease_that_somebody_else_has_taken_is_held_no_more_and_stays_theirs(database, connection):
    lease = await take_lease(database, "one")
    async with kept(lease):
        await connection.execute("UPDATE slot SET holder = 'other' WHERE number = 3")
        await until(lambda: not lease.held, "the lease is lost")
    assert await holder(connection) == "other"


async def test_a_lease_that_cannot_be_renewed_runs_out(database, connection, monkeypatch):
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.2)
    lease = await take_lease(database, "one")
    await until(lambda: not lease.held, "the lease has run out")
