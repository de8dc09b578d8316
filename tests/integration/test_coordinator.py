"""A worker with a group coordinator that behaves, and misbehaves, like Apache Kafka's."""

import pytest

from tests.harness.kafka.group import Error
from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.upstream import Outcomes, send_campaign
from tests.harness.waiting import until
from tests.harness.world import World
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

RECIPIENTS = 2000
IN_FLIGHT = 32


@pytest.fixture
def faults() -> Faults:
    return Faults(seed=1, latency=0.03, jitter=0.05)


async def nothing_is_lost_or_repeated(world: World, service: SimulatedPushService) -> None:
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS)
    assert {outcome["status"] for each in found.values() for outcome in each} == {"sent"}
    assert service.stats.taken == RECIPIENTS


async def test_commits_that_cannot_be_read_at_first_are_not_taken_for_none(
    kafka: KafkaProxy, world: World, service: SimulatedPushService
):
    """The error in such an answer names no partition, and aiokafka ignores it."""
    await send_campaign(world, service, RECIPIENTS)
    worker = await world.start_worker(service, PUSHMILL_MAX_IN_FLIGHT=str(IN_FLIGHT))
    await until(lambda: service.stats.taken > RECIPIENTS // 2, "it is at it")
    assert await worker.terminate() == 0
    kafka.fail_offset_fetches(*[Error.COORDINATOR_LOAD_IN_PROGRESS] * 3)
    await worker.start()
    await nothing_is_lost_or_repeated(world, service)
