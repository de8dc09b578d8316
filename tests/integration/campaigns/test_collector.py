"""Collectors as real processes, on PostgreSQL: killed and frozen, they count everything once."""

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from tests.campaigns.collect.records import batch, event, expired, outcome
from tests.campaigns.collect.rows import add_launch
from tests.campaigns.store.support import make_subscriber, subscription_of
from tests.chaos.campaigns.collecting import CollectRun
from tests.harness.waiting import GENEROUS, until_seen
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start
from worker.config import KafkaSettings
from worker.records.topics import EVENTS, EXPIRED, OUTCOMES

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
async def run(world: World, database, database_url):
    settings = KafkaSettings(kafka_bootstrap_servers=world.broker, topic_prefix=world.prefix)
    async with CollectRun(settings, database, database_url, random.Random(18)) as made:
        yield made


async def test_collectors_that_are_killed_and_frozen_count_everything_once(run, database):
    assert await run.run(20_000, 8) == []
    # A launch is done once everybody has an outcome.
    await run.until("SELECT count(*) = 2 FROM launch WHERE state = 'done'")
    assert await run.stop() == [0, 0]
    async with database.connection() as connection:
        held = "SELECT count(*) FROM collector_offset WHERE holder = ANY($1)"
        assert await connection.fetchval(held, run.holders) == 0


async def test_what_came_of_a_launch_is_told_by_the_api(world: World, database, start: Start, key: str):
    running = start(ROLES="api,collector")
    running.environment |= {
        "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": world.broker,
        "PUSHMILL_TOPIC_PREFIX": world.prefix,
    }
    await running.start()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        body = {"url": "https://shop.example", "vapid_key": "shop"}
        async with session.post(f"{running.api}/v1/sites", json=body) as answer:
            site = (await answer.json())["id"]
        number = int(site.removeprefix("site_"))
        async with database.transaction() as connection:
            await add_launch(connection, number, 3, written=4, at=datetime.now(UTC))
            await make_subscriber(connection, number, 1)
        ended = batch(outcome(0), outcome(1, "expired"), outcome(2, "lapsed", 0), site_id=site)
        await world.produce(ended, ended, b"{", topic=OUTCOMES)
        gone = expired(1, subscription_of(1).endpoint, site=site)
        await world.produce(gone, topic=EXPIRED, key=b"sub_1")
        await world.produce(*[event(0, "clicked", site_id=site)] * 2, topic=EVENTS)

        async def told() -> dict[str, Any]:
            async with session.get(f"{running.api}/v1/launches/launch_3_abcdefgh/statistics") as answer:
                return await answer.json()

        async def status() -> str:
            async with database.connection() as connection:
                return await connection.fetchval("SELECT status FROM subscriber")

        def is_all(said: dict[str, Any]) -> bool:
            return said["clicks"]["total"] == said["attempted"] == 2

        async with asyncio.timeout(GENEROUS):
            while not is_all(said := await told()) or await status() != "expired":  # noqa: ASYNC110 - others do it
                await asyncio.sleep(0.1)
        wanted = {"written": 4, "attempted": 2, "accepted": 1, "refused": 1, "not_sent": 1, "unknown": 0}
        assert said.items() >= wanted.items()
        assert said["clicks"] == {"first": 1, "total": 2}
        assert said["by_status"] == {"expired": 1, "lapsed": 1, "sent": 1}
        assert said["counted_until"] is not None
        passed_over, lag = "pushmill_campaigns_foreign_total", "pushmill_campaigns_collector_lag_records"
        # Metrics follow what is committed, and the unreadable record may lie in a partition of its own.
        await until_seen(lambda: running.metric(passed_over, topic="outcomes") == 1, "it is passed over")
        await until_seen(lambda: running.metric(lag, topic="events") == 0, "nothing waits")
    assert await running.terminate() == 0
