from campaigns.store.collector_offsets import (
    Place,
    add_places,
    move_on,
    release_places,
    renew_places,
    take_places,
)

PLACES = [Place("push.outcomes", number) for number in range(8)]


async def test_collectors_that_begin_together_share_partitions(database):
    async with database.connection() as connection:
        await add_places(connection, PLACES)
        one = await take_places(connection, "one", 60, PLACES)
        two = await take_places(connection, "two", 60, PLACES)
        assert (len(one), len(two)) == (2, 2)
        assert not one.keys() & two.keys()
        while taken := await take_places(connection, "one", 60, PLACES):
            one |= taken
        assert await renew_places(connection, "one", 60) == one
        assert len(one) == 6


async def test_a_lease_that_has_run_out_is_anybodys(database):
    async with database.connection() as connection:
        await add_places(connection, PLACES[:1])
        assert await take_places(connection, "one", 0, PLACES) == {PLACES[0]: 0}
        assert await renew_places(connection, "one", 60) == {}
        assert await move_on(connection, PLACES[0], 0, 7)
        assert await take_places(connection, "two", 60, PLACES) == {PLACES[0]: 7}
        assert await take_places(connection, "one", 60, PLACES) == {}


async def test_what_is_released_can_be_taken_and_what_is_known_stays(database):
    async with database.connection() as connection:
        await add_places(connection, PLACES[:1])
        await take_places(connection, "one", 60, PLACES)
        assert await move_on(connection, PLACES[0], 0, 5)
        assert not await move_on(connection, PLACES[0], 0, 9)
        await release_places(connection, "two")
        assert await take_places(connection, "two", 60, PLACES) == {}
        await release_places(connection, "one")
        await add_places(connection, PLACES[:1])
        assert await take_places(connection, "two", 60, PLACES) == {PLACES[0]: 5}


async def test_only_partitions_that_there_are_can_be_taken(database):
    async with database.connection() as connection:
        await add_places(connection, PLACES)
        assert await take_places(connection, "one", 60, [Place("other.outcomes", 0), PLACES[3]]) == {
            PLACES[3]: 0
        }
