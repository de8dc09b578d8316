"""Consumers that have nothing to read: how often they ask, and how soon they notice that they do."""

from collections import Counter

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.conn import AIOKafkaConnection

from tests.harness.world import World
from worker.config import KafkaSettings
from worker.demo.broker import EmbeddedBroker
from worker.edges.kafka.client import connection
from worker.records.topics import JOBS

SECONDS = 1.0
MOST_FETCHES = 40
"""In so many seconds: one every 50 ms, and some at first that are less far apart."""


@pytest.fixture
def broker(embedded: EmbeddedBroker) -> str:
    """The embedded broker itself, as in the demo: it answers at once."""
    return embedded.address


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What this process asks brokers, by the name of the request."""
    made = Counter[str]()
    send = AIOKafkaConnection.send

    def count(self: AIOKafkaConnection, request: object, *options: bool, **more: bool) -> object:
        made[type(request).__name__] += 1
        return send(self, request, *options, **more)

    monkeypatch.setattr(AIOKafkaConnection, "send", count)
    return made


async def test_an_idle_consumer_leaves_the_embedded_broker_alone(world: World, requests: Counter[str]):
    settings = KafkaSettings(kafka_bootstrap_servers=world.broker, topic_prefix=world.prefix)
    consumer = AIOKafkaConsumer(
        world.prefix + JOBS, **connection(settings), auto_offset_reset="earliest", fetch_max_wait_ms=100
    )
    await consumer.start()
    try:
        assert await consumer.getmany(timeout_ms=int(SECONDS * 1000)) == {}
        assert 1 <= requests["FetchRequest"] <= MOST_FETCHES
        await world.produce(b"a record")
        [[record]] = (await consumer.getmany(timeout_ms=60_000)).values()
        assert record.value == b"a record"
    finally:
        await consumer.stop()
