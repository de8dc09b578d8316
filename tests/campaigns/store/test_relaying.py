import asyncio

import pytest

from campaigns.store import relaying
from campaigns.store.relaying import (
    delete_batch,
    delete_rows,
    draw_jobs,
    launches_of_rows,
    newest_batch_offset,
    number_urgent_rows,
    recipients_of_rows,
    rows_of_batch,
    stamp_batch,
    stamped_batch,
)
from tests.harness.audiences import add_launch, add_site, add_subscribers, add_to_outbox, subscribers_of
from tests.harness.waiting import until_told

SLOT, LAUNCH = 3, 19


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        yield lent


@pytest.fixture
async def subscribers(connection):
    """Six subscribers of a site that has a launch, which a relay writes."""
    site = await add_site(connection)
    await add_subscribers(connection, site, 6)
    await add_launch(connection, site, number=LAUNCH, state="written")
    return await subscribers_of(connection, site)


async def recipients_of_batch(connection, slot, batch):
    return await recipients_of_rows(connection, await rows_of_batch(connection, slot, batch))


async def is_blocked(connection):
    return await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def left(connection):
    return await connection.fetchval("SELECT count(*) FROM outbox")


async def test_what_waits_becomes_a_batch_with_the_number_of_its_first_row(
    connection, subscribers, monkeypatch
):
    monkeypatch.setattr(relaying, "BATCH_ROWS", 4)
    assert await stamp_batch(connection, SLOT) is None
    await add_to_outbox(connection, LAUNCH, subscribers[:1], urgent=True)
    await add_to_outbox(connection, LAUNCH, subscribers)
    first = await connection.fetchval("SELECT min(id) FROM outbox WHERE NOT urgent")
    assert await stamp_batch(connection, SLOT) == first
    assert await stamped_batch(connection, SLOT) == first
    assert await stamped_batch(connection, SLOT + 1) is None
    assert [row["id"] for row in await recipients_of_batch(connection, SLOT, first)] == subscribers[:4]
    await delete_batch(connection, SLOT, first, {LAUNCH: 4}, 7)
    assert await stamped_batch(connection, SLOT) is None
    assert await stamp_batch(connection, SLOT) == first + 4
    assert await stamp_batch(connection, SLOT + 1) is None


async def test_rows_that_somebody_else_is_stamping_are_left_to_them(database, connection, subscribers):
    await add_to_outbox(connection, LAUNCH, subscribers)
    async with database.transaction() as other:
        await other.fetch("SELECT FROM outbox ORDER BY id LIMIT 2 FOR UPDATE")
        batch = await stamp_batch(connection, SLOT)
    assert [row["id"] for row in await recipients_of_batch(connection, SLOT, batch)] == subscribers[2:]


async def test_whoever_has_left_meanwhile_is_no_recipient(connection, subscribers):
    await add_to_outbox(connection, LAUNCH, subscribers)
    batch = await stamp_batch(connection, SLOT)
    await connection.execute("UPDATE subscriber SET status = 'unsubscribed' WHERE id = $1", subscribers[0])
    await connection.execute("UPDATE subscriber SET endpoint = NULL WHERE id = $1", subscribers[1])
    await connection.execute("UPDATE subscriber SET site = site + 1 WHERE id = $1", subscribers[2])
    assert [row["id"] for row in await recipients_of_batch(connection, SLOT, batch)] == subscribers[3:]
    await connection.execute("UPDATE launch SET wanted = 'cancelled'")
    assert await recipients_of_batch(connection, SLOT, batch) == []


async def test_a_batch_is_counted_once_however_often_it_is_deleted(connection, subscribers):
    await add_to_outbox(connection, LAUNCH, subscribers)
    batch = await stamp_batch(connection, SLOT)
    for _ in range(2):
        async with connection.transaction():
            await delete_batch(connection, SLOT, batch, {LAUNCH: 5}, 7)
    assert await left(connection) == 0
    assert await connection.fetchval("SELECT written FROM launch") == 5
    assert await newest_batch_offset(connection, SLOT) == 7
    assert await newest_batch_offset(connection, SLOT + 1) == 0


async def test_urgent_rows_are_taken_and_deleted_by_themselves(connection, subscribers):
    await add_to_outbox(connection, LAUNCH, subscribers[:2])
    await add_to_outbox(connection, LAUNCH, subscribers[2:], urgent=True)
    rows = await number_urgent_rows(connection, SLOT)
    assert await number_urgent_rows(connection, SLOT + 1) == {}
    found = await recipients_of_rows(connection, [*rows])
    assert [row["id"] for row in found] == subscribers[2:]
    assert [row["outbox_row"] for row in found] == [*rows]
    for _ in range(2):  # the second time, all that is gone has been counted
        await delete_rows(connection, [*rows], dict.fromkeys([*rows][:3], LAUNCH))
    assert (await number_urgent_rows(connection, SLOT), await left(connection)) == ({}, 2)
    assert await connection.fetchval("SELECT written FROM launch") == 3


async def test_an_urgent_row_keeps_the_number_of_its_job(connection, subscribers):
    await add_launch(connection, 1, number=LAUNCH + 16, state="written", job=7)
    await add_to_outbox(connection, LAUNCH, subscribers[:2], urgent=True)
    await add_to_outbox(connection, LAUNCH + 16, subscribers[:1], urgent=True)
    first = await number_urgent_rows(connection, SLOT)
    assert [*first.values()] == [0, 1, 7]
    await add_to_outbox(connection, LAUNCH, subscribers[2:3], urgent=True)
    again = await number_urgent_rows(connection, SLOT)
    assert [*again.values()] == [0, 1, 7, 2]
    assert {row: again[row] for row in first} == first
    assert await draw_jobs(connection, LAUNCH, 1) == 3


async def test_two_relays_that_number_at_once_find_the_same_numbers(database, connection, subscribers):
    await add_to_outbox(connection, LAUNCH, subscribers, urgent=True)
    async with database.transaction() as first, database.connection() as second:
        numbered = await number_urgent_rows(first, SLOT)
        other = asyncio.create_task(number_urgent_rows(second, SLOT))
        await until_told(lambda: is_blocked(connection), "the second one waits for the first")
        await first.execute("COMMIT AND CHAIN")
        assert await other == numbered
    assert [*numbered.values()] == [*range(6)]
    assert await connection.fetchval("SELECT job FROM launch") == 6


async def test_an_urgent_row_of_a_launch_that_is_gone_does_not_stay(connection, subscribers):
    await connection.execute("INSERT INTO outbox (relay, launch, subscriber, urgent) VALUES (3, 99, 1, true)")
    [row] = await number_urgent_rows(connection, SLOT)
    assert await recipients_of_rows(connection, [row]) == []
    await delete_rows(connection, [row], {})
    assert await left(connection) == 0


async def test_numbers_of_jobs_are_drawn_once(connection, subscribers):
    assert [await draw_jobs(connection, LAUNCH, count) for count in (3, 1, 2)] == [0, 3, 4]
    launches = await launches_of_rows(connection, [LAUNCH, 12345])
    assert {number: (launch.id, sdk) for number, (launch, sdk) in launches.items()} == {
        LAUNCH: (LAUNCH, True)
    }
