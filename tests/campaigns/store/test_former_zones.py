from campaigns.store.former_zones import drop_former_zones
from tests.harness.audiences import add_launch, add_site, add_subscribers

MOVE = "UPDATE subscriber SET zone = 'Asia/' || $1::text"
LEFT = "SELECT count(*) FROM former_zone"


async def test_zones_are_kept_as_long_as_a_launch_needs_them(database):
    async with database.connection() as connection:
        site = await add_site(connection)
        await add_subscribers(connection, site, 3)
        await connection.execute(MOVE, "Tokyo")
        mark = await connection.fetchval("SELECT max(id) + 1 FROM former_zone")
        await connection.execute("SELECT nextval(pg_get_serial_sequence('former_zone', 'id'))")
        await add_launch(connection, site, number=3, zone_mark=mark)
        await add_launch(connection, site, number=4, zone_mark=1, state="written")
        await add_launch(connection, site, number=5)
        await connection.execute(MOVE, "Kolkata")
        assert [await drop_former_zones(connection, 2) for _ in range(3)] == [2, 1, 0]
        assert await connection.fetchval(LEFT) == 3
        await connection.execute("UPDATE launch SET state = 'written'")
        assert await drop_former_zones(connection, 10) == 3
