import asyncio

import pytest

from campaigns.store.slots import is_held, release_slot, renew_slot, take_slot
from tests.harness.audiences import add_launch, add_site, add_to_outbox


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        yield lent


async def expire(connection, number):
    await connection.execute("UPDATE slot SET until = now() - interval '1 second' WHERE number = $1", number)


async def test_only_a_slot_with_something_to_write_is_taken(connection):
    assert await take_slot(connection, "one", 60) is None
    site = await add_site(connection)
    await add_launch(connection, site, number=3)
    await add_launch(connection, site, number=4, state="written")
    await add_launch(connection, site, number=21, state="written")
    await add_to_outbox(connection, 21, [7])
    assert [await take_slot(connection, "one", 60) for _ in range(3)] == [3, 5, None]


async def test_a_held_slot_is_taken_once_it_has_run_out_or_is_released(connection):
    await add_launch(connection, await add_site(connection), number=3)
    assert await take_slot(connection, "one", 60) == 3
    assert await take_slot(connection, "other", 60) is None
    await release_slot(connection, 3, "other")  # whose it is not
    assert await take_slot(connection, "other", 60) is None
    await release_slot(connection, 3, "one")
    assert await take_slot(connection, "other", 60) == 3
    await expire(connection, 3)
    assert await take_slot(connection, "one", 60) == 3


async def test_whether_anybody_is_at_work(connection):
    assert not await is_held(connection)
    await add_launch(connection, await add_site(connection), number=3)
    await take_slot(connection, "one", 60)
    assert await is_held(connection)
    await expire(connection, 3)
    assert not await is_held(connection)


async def test_a_lease_is_renewed_until_somebody_else_has_it(connection):
    await add_launch(connection, await add_site(connection), number=3)
    await take_slot(connection, "one", 60)
    await expire(connection, 3)
    assert await renew_slot(connection, 3, "one", 60)  # nobody has taken it meanwhile
    assert await take_slot(connection, "other", 60) is None
    await expire(connection, 3)
    await take_slot(connection, "other", 60)
    assert not await renew_slot(connection, 3, "one", 60)


async def test_those_who_ask_at_once_get_different_slots(database, connection):
    site = await add_site(connection)
    for number in range(16):
        await add_launch(connection, site, number=number)

    async def take(holder):
        async with database.connection() as other:
            return await take_slot(other, holder, 60)

    taken = [await asyncio.gather(*(take(f"launcher {n}") for n in range(8))) for _ in range(4)]
    slots = [slot for each in taken for slot in each if slot is not None]
    assert len(slots) == len(set(slots))
    assert {*slots} == {*range(16)}
