"""Collectors as real processes, on PostgreSQL: killed and frozen, they count everything once."""

import random

import pytest

from tests.chaos.campaigns.collecting import CollectRun
from tests.harness.world import World
from worker.config import KafkaSettings

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
        assert (
            await connection.fetchval("SELECT count(*) FROM collector_offset WHERE holder IS NOT NULL") == 0
        )
