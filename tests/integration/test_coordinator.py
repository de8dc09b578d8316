"""What a worker does when the group's coordinator behaves, and misbehaves, as Apache Kafka's does."""

import uuid
from collections.abc import AsyncIterator

import pytest

from tests.integration.support import Outcomes, World, job, recipient, until
from tests.kafka.group import Error
from tests.kafka.proxy import KafkaProxy
from worker.demo.broker import EmbeddedBroker
from worker.demo.faults import Faults
from worker.demo.push_service import PushService

RECIPIENTS = 2000
IN_FLIGHT = 32


@pytest.fixture
async def kafka() -> AsyncIterator[KafkaProxy]:
    async with EmbeddedBroker() as broker, KafkaProxy(broker.address) as proxy:
        yield proxy


@pytest.fixture
async def world(kafka: KafkaProxy, tmp_path) -> AsyncIterator[World]:
    made = World(kafka.address, f"test-{uuid.uuid4().hex[:8]}.", tmp_path)
    await made.prepare()
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def service(world: World) -> AsyncIterator[PushService]:
    faults = Faults(seed=1, latency=0.03, jitter=0.05)
    async with PushService("fcm", ssl_context=world.certificates.server_context(), faults=faults) as running:
        yield running


async def campaign(world: World, service: PushService) -> None:
    people = [recipient(f"r{number}", each) for number, each in enumerate(service.subscribe(RECIPIENTS))]
    await world.produce(*(job(f"j{at}", people[at : at + 50]) for at in range(0, RECIPIENTS, 50)))


async def nothing_is_lost_or_repeated(world: World, service: PushService) -> None:
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS)
    assert {outcome["status"] for each in found.values() for outcome in each} == {"sent"}
    assert service.stats.taken == RECIPIENTS


async def test_commits_that_cannot_be_read_at_first_are_not_taken_for_none(
    kafka: KafkaProxy, world: World, service: PushService
):
    """The error of such an answer names no partition, and aiokafka does not look at it."""
    await campaign(world, service)
    worker = await world.start_worker(service, PUSHMILL_MAX_IN_FLIGHT=str(IN_FLIGHT))
    await until(lambda: service.stats.taken > RECIPIENTS // 2, "it is at it")
    assert await worker.terminate() == 0
    kafka.fail_offset_fetches(*[Error.COORDINATOR_LOAD_IN_PROGRESS] * 3)
    await worker.start()
    await nothing_is_lost_or_repeated(world, service)
