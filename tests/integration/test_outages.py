"""A cluster of three brokers that loses most of them for a while: nothing is lost, and nothing is sent twice.

Two of three away means that no record and no commit is acknowledged (`min.insync.replicas` is 2), and that
no new leader is elected. The third one still answers, and still ends sessions that it does not hear from.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient, CoordinationType

from tests.harness.kafka.apache import ApacheKafka, Broker
from tests.harness.upstream import Outcomes, send_campaign
from tests.harness.waiting import GENEROUS, until, until_seen
from tests.harness.worker_process import WorkerProcess
from tests.harness.world import World
from worker.config import KafkaSettings
from worker.edges.kafka.consumer import SESSION_DYNAMIC
from worker.edges.kafka.topics import create_topics
from worker.ledger.lease import DURATION
from worker.ledger.ledger import CHECKPOINT_MAX
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(600)]

RECIPIENTS = 3000
IN_FLIGHT = 16
SMALL = ("-Xmx256m",)
STATIC: dict[str, str] = {}
DYNAMIC = {"PUSHMILL_INSTANCE_ID": ""}

LATE = 3.0
"""Seconds that a push may take to reach the push service and be counted, on a busy machine."""

BACK_AGAIN = 15.0
"""Seconds within which sending must go on once Kafka takes records again."""

WAITS = "no checkpoint is being acknowledged; sending is suspended until one is"
GOES_ON = "checkpoints are acknowledged again"
REFUSED = "Kafka refused a checkpoint"


@pytest.fixture
async def cluster(apache_kafka: Callable[..., Awaitable[ApacheKafka]]) -> ApacheKafka:
    return await apache_kafka(brokers=3, jvm=SMALL)


@pytest.fixture
async def world(cluster: ApacheKafka, tmp_path: Path) -> AsyncIterator[World]:
    made = World(cluster.address, tmp_path, partitions=3)
    settings = KafkaSettings(kafka_bootstrap_servers=cluster.address, topic_prefix=made.prefix)
    await create_topics(settings, partitions=made.partitions, replicas=3)
    async with made:
        yield made


@pytest.fixture
def faults() -> Faults:
    """Answers after 50 to 100 ms, so that a campaign lasts longer than it takes to stop brokers."""
    return Faults(seed=1, latency=0.05, jitter=0.05)


async def in_mid_campaign(
    world: World, service: SimulatedPushService, workers: int, **settings: str
) -> list[WorkerProcess]:
    """Start workers on a campaign, and wait until all of them are at it."""
    await send_campaign(world, service, RECIPIENTS)
    settings |= {"PUSHMILL_MAX_IN_FLIGHT": str(IN_FLIGHT)}
    started = await asyncio.gather(
        *(world.start_worker(service, number=number, **settings) for number in range(workers))
    )
    before = service.stats.taken
    await until(lambda: service.stats.taken > before + 200, "they are at it")
    return started


async def coordinator_of(world: World, cluster: ApacheKafka) -> Broker:
    """Return the broker that coordinates the workers' group."""
    client = AIOKafkaClient(bootstrap_servers=world.broker)
    await client.bootstrap()
    try:
        number = await client.coordinator_lookup(CoordinationType.GROUP, f"{world.prefix}group")
        return next(broker for broker in cluster.brokers if broker.number == number)
    finally:
        await client.close()


@asynccontextmanager
async def killed(brokers: Sequence[Broker]) -> AsyncIterator[None]:
    await asyncio.gather(*(broker.kill() for broker in brokers))
    yield
    await asyncio.gather(*(broker.start() for broker in brokers))


@asynccontextmanager
async def frozen(brokers: Sequence[Broker]) -> AsyncIterator[None]:
    for broker in brokers:
        broker.freeze()
    yield
    for broker in brokers:
        broker.thaw()


async def records_are_taken_again(world: World) -> None:
    """Wait until every partition of a topic, and so every broker, acknowledges a record."""
    producer = AIOKafkaProducer(bootstrap_servers=world.broker, enable_idempotence=True)
    async with asyncio.timeout(GENEROUS):
        await producer.start()
        try:
            for partition in range(world.partitions):
                await producer.send_and_wait(f"{world.prefix}stats", b"{}", partition=partition)
        finally:
            await producer.stop()


async def everybody_got_one_push(world: World, service: SimulatedPushService) -> None:
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS, 2 * GENEROUS)
        await outcomes.drain()
    assert {outcome["status"] for each in found.values() for outcome in each} == {"sent"}
    assert {len(each) for each in found.values()} == {1}
    assert (service.stats.taken, service.repeats()) == (RECIPIENTS, 0)


def said(workers: Sequence[WorkerProcess], event: str) -> list[int]:
    """Return how often each worker has logged an event."""
    return [worker.log.read_text().count(event) for worker in workers]


@dataclass(frozen=True)
class Outage:
    brokers_are: Callable[[Sequence[Broker]], AbstractAsyncContextManager[None]]
    seconds: float
    settings: dict[str, str]


@pytest.mark.parametrize(
    "outage",
    [
        pytest.param(Outage(killed, 120.0, STATIC), id="killed for two minutes, static members"),
        pytest.param(Outage(frozen, 35.0, DYNAMIC), id="frozen for longer than a session, dynamic members"),
    ],
)
async def test_two_brokers_of_three_away_under_load_lose_and_repeat_nothing(
    cluster: ApacheKafka, world: World, service: SimulatedPushService, outage: Outage
):
    workers = await in_mid_campaign(world, service, 2, **outage.settings)
    coordinator = await coordinator_of(world, cluster)
    before = said(workers, WAITS)
    gone_at = time.monotonic()
    async with outage.brokers_are([broker for broker in cluster.brokers if broker is not coordinator]):
        await asyncio.sleep(outage.seconds)
        assert max(push.monotonic for push in service.all_pushes()) - gone_at < DURATION + LATE
        assert [worker.status("/readyz") for worker in workers] == [200, 200]
        assert all(said(workers, WAITS))
        assert all(now - then <= 1 for now, then in zip(said(workers, WAITS), before, strict=True))
    await records_are_taken_again(world)
    taken, back_at = service.stats.taken, time.monotonic()
    await until(lambda: service.stats.taken > taken, "sending goes on", BACK_AGAIN)
    assert time.monotonic() - back_at < BACK_AGAIN
    await everybody_got_one_push(world, service)
    assert not any(worker.ended for worker in workers)
    assert all(said(workers, GOES_ON))


async def test_one_broker_after_the_other_killed_loses_and_repeats_nothing(
    cluster: ApacheKafka, world: World, service: SimulatedPushService
):
    workers = await in_mid_campaign(world, service, 2)
    for broker in cluster.brokers:
        await broker.restart(kill=True)
        await records_are_taken_again(world)
    await everybody_got_one_push(world, service)
    assert not any(worker.ended for worker in workers)


async def test_a_worker_whose_session_ends_meanwhile_ends_without_flushing_or_forgets_everything(
    cluster: ApacheKafka, world: World, service: SimulatedPushService
):
    """The coordinator evicts it. A checkpoint of which no record is pending has nothing to flush."""
    [worker] = await in_mid_campaign(world, service, 1, **DYNAMIC)
    coordinator = await coordinator_of(world, cluster)
    async with frozen([broker for broker in cluster.brokers if broker is not coordinator]):
        await until_seen(lambda: said([worker], WAITS)[-1], "it waits for Kafka")
        worker.freeze()
        await asyncio.sleep(SESSION_DYNAMIC + 3)
        worker.thaw()
        await until_seen(lambda: worker.ended or said([worker], REFUSED) != [0], "it has lost its partitions")
        if worker.ended:
            assert await worker.wait() == 1
            [end] = [line for line in worker.log.read_text().splitlines() if "exiting at once" in line]
            assert "and the partitions are lost" in end
    if worker.ended:
        await worker.start()
    async with Outcomes(world) as outcomes:
        await outcomes.of(RECIPIENTS, 2 * GENEROUS)
    assert service.stats.taken - service.repeats() == RECIPIENTS
    assert service.repeats() <= IN_FLIGHT + CHECKPOINT_MAX
