"""A new Kafka behind an old database: nothing of the old one is waited for."""

from datetime import UTC, datetime

from campaigns.store.lost_kafka import begin_on_new_kafka
from tests.harness.audiences import add_campaign, add_launch, add_site, add_to_outbox

NOW = datetime(2026, 11, 28, tzinfo=UTC)


async def test_open_launches_end_as_they_stand_and_offsets_are_forgotten(database):
    async with database.transaction() as connection:
        site = await add_site(connection)
        sending, paused = [await add_campaign(connection, site) for _ in range(2)]
        await connection.execute("UPDATE campaign SET status = 'paused' WHERE id = $1", paused)
        await add_launch(connection, site, number=3, campaign=sending, written=9, marker_offset=7)
        await add_launch(connection, site, number=4, campaign=paused, control_due=True)
        await add_launch(connection, site, number=5, state="done", marker_offset=8)
        await add_launch(connection, site, number=6, state="written")
        await add_to_outbox(connection, 6, [1])
        await add_launch(connection, site, number=7, state="written", written=2)
        await connection.execute(
            "INSERT INTO launch_count (launch, partition, status, count) VALUES (7, 0, 'sent', 2)"
        )
        await connection.execute("UPDATE slot SET holder = 'other', until = now() WHERE number = 3")
        await connection.execute("INSERT INTO collector_offset (topic, partition, next) VALUES ('o', 0, 5)")
        assert await begin_on_new_kafka(connection, NOW) == 3
        launches = await connection.fetch("SELECT state, written, marker_offset, control_due FROM launch")
        assert {tuple(row) for row in launches} == {
            *(("done", written, None, False) for written in (9, 0, 1, 2)),
        }
        assert {row["status"] for row in await connection.fetch("SELECT status FROM campaign")} == {"done"}
        for left in ("outbox", "collector_offset", "slot WHERE holder IS NOT NULL"):
            assert await connection.fetchval(f"SELECT count(*) FROM {left}") == 0
        assert await begin_on_new_kafka(connection, NOW) == 0


async def test_a_campaign_that_has_not_begun_is_left_alone(database):
    async with database.transaction() as connection:
        campaign = await add_campaign(connection, await add_site(connection))
        await connection.execute("UPDATE campaign SET status = 'scheduled'")
        assert await begin_on_new_kafka(connection, NOW) == 0
        assert await connection.fetchval("SELECT status FROM campaign WHERE id = $1", campaign) == "scheduled"
