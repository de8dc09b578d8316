from campaigns.store.erasures import Erasure, add_erasure, due_erasures, keep_told, repeat_erasures
from campaigns.store.expirations import Gone
from campaigns.store.subscribers import erase_subscriber
from tests.campaigns.store.support import NOON, make_site, make_subscriber

ENGAGED = """
INSERT INTO engagement (month, launch, subscriber, kind, first_at) VALUES ('2026-11-01', 1, $1, 'shown', $2)
"""


async def test_whoever_is_erased_is_told_of_once(database):
    async with database.transaction() as connection:
        await add_erasure(connection, 7, 1)
        await add_erasure(connection, 7, 2)
        due = await due_erasures(connection, 10)
        assert {*due} == {Erasure(7, 1, 1), Erasure(7, 2, 1)}
        assert len(await due_erasures(connection, 1)) == 1
        await keep_told(connection, due)
        assert await due_erasures(connection, 10) == []


async def test_an_endpoint_that_comes_up_again_is_forgotten_again(database):
    async with database.transaction() as connection:
        await add_erasure(connection, 7, 1)
        due = await due_erasures(connection, 10)
        await repeat_erasures(
            connection, [Gone(7, 1, b"1"), Gone(7, 1, b"2"), Gone(7, 3, b""), Gone(8, 1, b"")]
        )
        await keep_told(connection, due)  # by somebody who began before
        assert await due_erasures(connection, 10) == [Erasure(7, 1, 2)]
        await keep_told(connection, await due_erasures(connection, 10))
        await keep_told(connection, due)  # and by somebody who was slow
        assert await due_erasures(connection, 10) == []
        await repeat_erasures(connection, [])
        assert await connection.fetchval("SELECT count(*) FROM erasure") == 1


async def test_erasing_takes_everything_along(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        one, other = [await make_subscriber(connection, site, number) for number in (1, 2)]
        await connection.execute("UPDATE subscriber SET zone = 'Asia/Tokyo'")
        for each in (one, other):
            await connection.execute(ENGAGED, each.id, NOON)
        await erase_subscriber(connection, one)
        await erase_subscriber(connection, one)
        assert await due_erasures(connection, 10) == [Erasure(site, 1, 1)]
        for table in ("engagement", "former_zone", "subscriber_endpoint"):
            assert await connection.fetchval(f"SELECT array_agg(subscriber) FROM {table}") == [2], table
