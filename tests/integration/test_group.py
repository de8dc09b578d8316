"""What a worker does when the group or the broker fails: it comes back by itself, or ends and says why."""

import asyncio
import contextlib
import os
import signal
import time
import uuid

import pytest

from tests.integration.support import Outcomes, WorkerProcess, World, free_port, job, recipient, until
from worker.demo.broker import EmbeddedBroker
from worker.demo.faults import Faults
from worker.demo.push_service import PushService
from worker.ledger import CHECKPOINT_MAX

RECIPIENTS = 2000
IN_FLIGHT = 32
ANSWERED_WITHIN = 0.1
"""Seconds: no push takes longer than that with the services of these tests."""

needs_our_own_broker = pytest.mark.skipif(
    "PUSHMILL_TEST_BROKER" in os.environ, reason="only a broker of the test's own can be frozen or restarted"
)


@pytest.fixture
async def service(world: World):
    faults = Faults(seed=1, latency=0.03, jitter=0.05)
    async with PushService("fcm", ssl_context=world.certificates.server_context(), faults=faults) as running:
        yield running


@pytest.fixture
async def own_broker():
    async with EmbeddedBroker() as running:
        yield running
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGCONT)


@pytest.fixture
async def own_world(own_broker: EmbeddedBroker, tmp_path):
    made = World(own_broker.address, f"test-{uuid.uuid4().hex[:8]}.", tmp_path)
    await made.prepare()
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def own_service(own_world: World):
    context = own_world.certificates.server_context()
    faults = Faults(seed=1, latency=0.03, jitter=0.05)
    async with PushService("fcm", ssl_context=context, faults=faults) as running:
        yield running


async def campaign(world: World, service: PushService, count: int = RECIPIENTS) -> None:
    people = [recipient(f"r{number}", each) for number, each in enumerate(service.subscribe(count))]
    await world.produce(*(job(f"j{at}", people[at : at + 50]) for at in range(0, count, 50)))


async def start_calmly(world: World, service: PushService, number: int = 0) -> WorkerProcess:
    return await world.start_worker(service, number=number, PUSHMILL_MAX_IN_FLIGHT=str(IN_FLIGHT))


async def everybody_is_accounted_for(world: World, service: PushService) -> None:
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS)
    assert {outcome["status"] for each in found.values() for outcome in each} == {"sent"}
    assert service.stats.taken - service.repeats() == RECIPIENTS


async def test_of_two_processes_with_one_instance_id_one_ends_and_says_why(
    world: World, service: PushService
):
    first = await start_calmly(world, service)
    twin = WorkerProcess(
        {**first.environment, "PUSHMILL_STATUS_PORT": str(free_port())}, world.folder / "twin.log"
    )
    world.workers.append(twin)
    await twin.start(ready=False)
    await until(lambda: first.ended or twin.ended, "one of them has ended", 40)
    ended, left = (first, twin) if first.ended else (twin, first)
    assert await ended.wait() == 1
    assert "PUSHMILL_INSTANCE_ID must be unique for each pod" in ended.log.read_text()
    await until(lambda: left.status("/readyz") == 200, "the other one works")
    await campaign(world, service)
    await everybody_is_accounted_for(world, service)
    assert not left.ended


async def test_a_frozen_worker_that_thaws_pushes_nothing_that_another_one_has_taken_over(
    world: World, service: PushService
):
    await campaign(world, service)
    frozen = await start_calmly(world, service)
    await until(lambda: service.stats.taken > 300, "it is at it")
    frozen.signal(signal.SIGSTOP)
    heir = WorkerProcess(
        {**frozen.environment, "PUSHMILL_STATUS_PORT": str(free_port())}, world.folder / "heir.log"
    )
    world.workers.append(heir)
    await heir.start()
    async with Outcomes(world) as outcomes:
        await outcomes.of(RECIPIENTS)
        before = service.stats.taken
        assert service.repeats() <= IN_FLIGHT + CHECKPOINT_MAX
        frozen.signal(signal.SIGCONT)
        await until(lambda: frozen.ended or heir.ended or frozen.status("/healthz") == 200, "it has thawed")
        await asyncio.sleep(4)
        assert service.stats.taken == before
    assert service.stats.taken - service.repeats() == RECIPIENTS


@needs_our_own_broker
async def test_a_restart_of_the_broker_needs_no_operator(own_world, own_service, own_broker):
    await campaign(own_world, own_service)
    workers = [await start_calmly(own_world, own_service, number) for number in range(2)]
    await until(lambda: own_service.stats.taken > 300, "they are at it")
    await own_broker.restart()
    await everybody_is_accounted_for(own_world, own_service)
    assert own_service.repeats() <= 2 * (IN_FLIGHT + CHECKPOINT_MAX)
    for worker in workers:
        assert not worker.ended, worker.log.read_text()
        await until(lambda worker=worker: worker.status("/readyz") == 200, "it is ready")


@needs_our_own_broker
async def test_after_a_crash_of_the_broker_work_goes_on_or_the_process_says_why_it_ends(
    own_world, own_service, own_broker
):
    """The embedded broker forgets what it acknowledged last, and how far producers were: the worst case."""
    await campaign(own_world, own_service, 1000)
    workers = [await start_calmly(own_world, own_service, number) for number in range(2)]
    await until(lambda: own_service.stats.taken > 300, "they are at it")
    await own_broker.restart(kill=True)
    keep = asyncio.create_task(start_again(workers))
    try:
        await asyncio.sleep(3)
        people = [recipient(f"s{number}", each) for number, each in enumerate(own_service.subscribe(200))]
        await own_world.produce(job("after", people))
        async with Outcomes(own_world) as outcomes:
            await outcomes.read(
                lambda: len([1 for job_id, _ in outcomes.by_recipient if job_id == "after"]) == len(people),
                "what came after the crash is sent",
            )
    finally:
        keep.cancel()
    for worker in workers:
        assert "Traceback" not in worker.log.read_text()


async def start_again(workers: list[WorkerProcess]) -> None:
    """As a supervisor does; each end must have been explained."""
    while True:
        for worker in [each for each in workers if each.ended]:
            assert "ending at once, without a clean-up" in worker.log.read_text()
            await worker.start(ready=False)
        await asyncio.sleep(0.2)


@needs_our_own_broker
async def test_while_the_broker_is_frozen_nothing_is_pushed_once_the_lease_has_run_out(
    own_world, own_service, own_broker
):
    await campaign(own_world, own_service)
    worker = await start_calmly(own_world, own_service)
    await until(lambda: own_service.stats.taken > 300, "it is at it")
    os.kill(own_broker.pid, signal.SIGSTOP)
    frozen_at = time.monotonic()
    await asyncio.sleep(5)
    last = max(push.monotonic for push in own_service.all_pushes())
    os.kill(own_broker.pid, signal.SIGCONT)
    assert last - frozen_at < 1.0 + ANSWERED_WITHIN
    await everybody_is_accounted_for(own_world, own_service)
    assert own_service.repeats() == 0
    assert not worker.ended


@needs_our_own_broker
async def test_a_broker_that_stays_frozen_ends_the_process_without_a_flush(
    own_world, own_service, own_broker
):
    await campaign(own_world, own_service)
    worker = await start_calmly(own_world, own_service)
    await until(lambda: own_service.stats.taken > 300, "it is at it")
    os.kill(own_broker.pid, signal.SIGSTOP)
    assert await worker.wait(50) == 1
    said = worker.log.read_text()
    assert "ending at once, without a clean-up" in said
    assert "did not stop in time" not in said
    assert "Traceback" not in said
    os.kill(own_broker.pid, signal.SIGCONT)
    await worker.start()
    await everybody_is_accounted_for(own_world, own_service)
    assert own_service.repeats() <= IN_FLIGHT + CHECKPOINT_MAX
