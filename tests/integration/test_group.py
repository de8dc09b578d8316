"""A worker whose group or broker fails: it recovers by itself, or exits and says why."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.upstream import Outcomes, job, recipient, send_campaign
from tests.harness.waiting import until, until_seen
from tests.harness.worker_process import WorkerProcess, free_port
from tests.harness.world import World
from worker.demo.broker import EmbeddedBroker
from worker.ledger.ledger import CHECKPOINT_MAX
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

RECIPIENTS = 2000
IN_FLIGHT = 32
ANSWER_SECONDS = 5.0
IMPATIENT = f"from worker.ledger import patience; patience.OUTAGE_LIMIT = {ANSWER_SECONDS}"

LEASE = 1.0
"""Seconds."""

FULL = IN_FLIGHT * 3 // 4
"""The most requests that one push service gets at once."""

SLOW = 3.0
"""Seconds to an answer: enough for FULL requests to wait together, and less than the request time-out."""

LATE = 1.0
"""Seconds that a push may take to reach the push service and be counted, on a busy machine."""


@pytest.fixture
def faults() -> Faults:
    return Faults(seed=1, latency=0.03, jitter=0.05)


async def start_calmly(
    world: World, service: SimulatedPushService, number: int = 0, changed: str = ""
) -> WorkerProcess:
    in_flight = str(IN_FLIGHT)
    return await world.start_worker(service, number=number, changed=changed, PUSHMILL_MAX_IN_FLIGHT=in_flight)


async def everybody_is_accounted_for(world: World, service: SimulatedPushService) -> None:
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS)
    assert {outcome["status"] for each in found.values() for outcome in each} == {"sent"}
    assert service.stats.taken - service.repeats() == RECIPIENTS


async def test_of_two_processes_with_one_instance_id_one_ends_and_says_why(
    world: World, service: SimulatedPushService
):
    first = await start_calmly(world, service)
    twin = WorkerProcess(
        {**first.environment, "PUSHMILL_STATUS_PORT": str(free_port())}, world.folder / "twin.log"
    )
    world.workers.append(twin)
    await twin.start(ready=False)
    await until(lambda: first.ended or twin.ended, "one of them has ended")
    ended, left = (first, twin) if first.ended else (twin, first)
    assert await ended.wait() == 1
    assert "PUSHMILL_INSTANCE_ID must be unique for each pod" in ended.log.read_text()
    await until_seen(lambda: left.status("/readyz") == 200, "the other one works")
    await send_campaign(world, service, RECIPIENTS)
    await everybody_is_accounted_for(world, service)
    assert not left.ended


async def test_a_frozen_worker_that_thaws_pushes_nothing_that_another_one_has_taken_over(
    world: World, service: SimulatedPushService, faults: Faults
):
    """Frozen while all that it may send is under way, and thawed once the other one has committed everything.

    At any other moment it may well push again: a request that it was about to write, its lease already
    checked, or what the other one had pushed but not committed.
    """
    await send_campaign(world, service, RECIPIENTS)
    frozen = await start_calmly(world, service)
    await until(lambda: service.stats.taken > 300, "it is at it")
    service.faults = Faults(latency=SLOW)
    await until(lambda: service.stats.in_flight == FULL)
    frozen.freeze()  # nothing was awaited since that look, so no answer has freed a slot
    service.faults = faults
    heir = WorkerProcess(
        {**frozen.environment, "PUSHMILL_STATUS_PORT": str(free_port())}, world.folder / "heir.log"
    )
    world.workers.append(heir)
    await heir.start()
    async with Outcomes(world) as outcomes:
        await outcomes.of(RECIPIENTS)
    await world.until_all_is_committed()
    await until(lambda: service.stats.in_flight == 0)  # answers wait in the frozen worker's sockets
    before = service.stats.taken
    assert before - service.repeats() == RECIPIENTS
    assert FULL <= service.repeats() <= FULL + CHECKPOINT_MAX
    frozen.thaw()
    await until_seen(lambda: frozen.ended or heir.ended, "one of them has given the place up")
    await every_partition_is_worked_on(world, service)
    await world.until_all_is_committed()
    assert service.stats.taken - before == world.partitions


async def test_a_restart_of_the_broker_needs_no_operator(
    kafka: KafkaProxy, world: World, service: SimulatedPushService, embedded: EmbeddedBroker
):
    await send_campaign(world, service, RECIPIENTS)
    workers = [await start_calmly(world, service, number) for number in range(2)]
    await until(lambda: service.stats.taken > 300, "they are at it")
    async with kafka.down():
        await embedded.restart()
    await everybody_is_accounted_for(world, service)
    assert service.repeats() <= 2 * (IN_FLIGHT + CHECKPOINT_MAX)
    for worker in workers:
        assert not worker.ended, worker.log.read_text()
        await until_seen(lambda worker=worker: worker.status("/readyz") == 200, "it is ready")


async def test_after_a_crash_of_the_broker_work_goes_on_or_the_process_says_why_it_ends(
    kafka: KafkaProxy, world: World, service: SimulatedPushService, embedded: EmbeddedBroker
):
    """The embedded broker forgets its last acknowledged records and the producers' state: the worst case."""
    await send_campaign(world, service, 1000)
    workers = [await start_calmly(world, service, number) for number in range(2)]
    await until(lambda: service.stats.taken > 300, "they are at it")
    async with kafka.down():
        await embedded.restart(kill=True)
    async with supervised(workers):
        await every_partition_is_worked_on(world, service)
    for worker in workers:
        assert "Traceback" not in worker.log.read_text()


async def every_partition_is_worked_on(world: World, service: SimulatedPushService) -> None:
    """Assert that a job written to each partition now is sent."""
    written = {f"after-{partition}" for partition in range(world.partitions)}
    for partition, subscription in enumerate(service.subscribe(world.partitions)):
        await world.produce(job(f"after-{partition}", [recipient("s", subscription)]), partition=partition)
    async with Outcomes(world) as outcomes:
        await outcomes.read(
            lambda: written <= {job_id for job_id, _ in outcomes.by_recipient},
            "what came after the crash is sent",
        )


@asynccontextmanager
async def supervised(workers: list[WorkerProcess]) -> AsyncIterator[None]:
    """Restart workers that exit, as a supervisor does; the log must explain each exit."""
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(start_again(workers))
        yield
        keeping.cancel()


async def start_again(workers: list[WorkerProcess]) -> None:
    while True:
        for worker in [each for each in workers if each.ended]:
            assert "exiting at once without cleanup" in worker.log.read_text()
            await worker.start(ready=False)
        await asyncio.sleep(0.2)


async def test_while_the_broker_is_frozen_nothing_is_pushed_once_the_lease_has_run_out(
    kafka: KafkaProxy, world: World, service: SimulatedPushService
):
    await send_campaign(world, service, RECIPIENTS)
    worker = await start_calmly(world, service)
    await until(lambda: service.stats.taken > 300, "it is at it")
    async with kafka.frozen():
        frozen_at = time.monotonic()
        await asyncio.sleep(5)
        last = max(push.monotonic for push in service.all_pushes())
    assert last - frozen_at < LEASE + LATE
    await everybody_is_accounted_for(world, service)
    assert service.repeats() == 0
    assert not worker.ended


async def test_a_broker_that_stays_frozen_ends_the_process_without_a_flush(
    kafka: KafkaProxy, world: World, service: SimulatedPushService
):
    await send_campaign(world, service, RECIPIENTS)
    worker = await start_calmly(world, service, changed=IMPATIENT)
    await until(lambda: service.stats.taken > 300, "it is at it")
    async with kafka.frozen():
        assert await worker.wait() == 1
    assert f"within {ANSWER_SECONDS:g} s" in worker.log.read_text()
    said = worker.log.read_text()
    assert "exiting at once without cleanup" in said
    assert "did not stop in time" not in said
    assert "Traceback" not in said
    await worker.start()
    await everybody_is_accounted_for(world, service)
    assert service.repeats() <= IN_FLIGHT + CHECKPOINT_MAX


async def test_a_drain_while_the_broker_is_frozen_has_a_limit(
    kafka: KafkaProxy, world: World, service: SimulatedPushService
):
    await send_campaign(world, service, RECIPIENTS)
    worker = await world.start_worker(
        service,
        changed="from worker.ledger import patience; patience.ANSWER_LIMIT = 2.0",
        PUSHMILL_MAX_IN_FLIGHT=str(IN_FLIGHT),
        PUSHMILL_REQUEST_TIMEOUT="2",
        PUSHMILL_DRAIN_TIMEOUT="8",
    )
    await until(lambda: service.stats.taken > 300, "it is at it")
    async with kafka.frozen():
        worker.signal(signal.SIGTERM)
        assert await worker.wait() == 1
    [end] = [line for line in worker.log.read_text().splitlines() if "exiting at once" in line]
    assert "and the process has to stop" in end
    await worker.start()
    await everybody_is_accounted_for(world, service)
    assert service.repeats() <= IN_FLIGHT + CHECKPOINT_MAX
