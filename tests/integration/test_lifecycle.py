"""Starting and stopping real processes: wrong settings are reported, a clean stop repeats nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from tests.harness.upstream import Outcomes, send_campaign
from tests.harness.waiting import until, until_seen
from tests.harness.worker_process import WorkerProcess, free_port
from tests.harness.world import World
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

RECIPIENTS = 3000
PATIENT = {"PUSHMILL_REQUEST_TIMEOUT": "40", "PUSHMILL_DRAIN_TIMEOUT": "50"}
"""Settings for a drain that goes on until a second signal."""


@pytest.fixture
def faults() -> Faults:
    """Answers after 20 to 60 ms, so that a campaign can be stopped in the middle."""
    return Faults(seed=1, latency=0.02, jitter=0.04)


async def three_in_mid_campaign(world: World, service: SimulatedPushService) -> AsyncIterator[WorkerProcess]:
    """Start three workers, each when the one before has ended, and give each once it has sent 300 pushes."""
    for _ in range(3):
        worker = await world.start_worker(service, PUSHMILL_MAX_IN_FLIGHT="16")
        before = service.stats.taken
        await until(lambda before=before: service.stats.taken > before + 300, "some pushes are through")
        yield worker


async def test_sigterm_in_mid_campaign_and_a_restart_send_everything_once(
    world: World, service: SimulatedPushService
):
    await send_campaign(world, service, RECIPIENTS)
    async for worker in three_in_mid_campaign(world, service):
        assert await worker.terminate() == 0, worker.log.read_text()
    await world.start_worker(service)
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS)
        await outcomes.drain()
    assert {len(each) for each in found.values()} == {1}
    assert {outcome["status"] for [outcome] in found.values()} == {"sent"}
    assert (service.stats.taken, service.repeats()) == (RECIPIENTS, 0)


async def test_workers_that_come_and_go_send_everything_once(world: World, service: SimulatedPushService):
    """Every join and leave revokes every partition: the commits' metadata carries the settled recipients."""
    await send_campaign(world, service, RECIPIENTS)
    first = await world.start_worker(service, number=0, PUSHMILL_MAX_IN_FLIGHT="32")
    await until(lambda: service.stats.taken > 200, "the first worker is at it")
    second = await world.start_worker(service, number=1, PUSHMILL_MAX_IN_FLIGHT="32")
    await until(lambda: service.stats.taken > 1000, "both are at it")
    assert await first.terminate() == 0
    await first.start(ready=False)
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS)
        await outcomes.drain()
    assert {outcome["status"] for each in found.values() for outcome in each} == {"sent"}
    assert (service.stats.taken, service.repeats()) == (RECIPIENTS, 0)
    assert not second.ended


async def test_kill_9_loses_nothing_and_repeats_at_most_what_was_at_risk(
    world: World, service: SimulatedPushService
):
    await send_campaign(world, service, RECIPIENTS)
    async for worker in three_in_mid_campaign(world, service):
        await worker.kill()
    await world.start_worker(service)
    async with Outcomes(world) as outcomes:
        assert len(await outcomes.of(RECIPIENTS)) == RECIPIENTS
    assert service.repeats() <= 3 * (16 + 5000)
    assert service.stats.taken - service.repeats() == RECIPIENTS


async def test_readiness_ends_with_the_first_signal_and_a_second_one_forces(world: World):
    faults = Faults(seed=1, latency=60.0)
    async with world.push_service(faults=faults) as service:
        worker = await world.start_worker(service, **PATIENT)
        await send_campaign(world, service, 10)
        await until(lambda: service.stats.in_flight > 0, "a push is in flight")
        assert worker.status("/healthz") == 200
        worker.signal(signal.SIGTERM)
        await until_seen(lambda: worker.status("/readyz") == 503, "readiness is gone")
        worker.signal(signal.SIGTERM)
        assert await worker.wait(20) == 1


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"PUSHMILL_VAPID_DIR": "/nowhere"}, 2, "PUSHMILL_VAPID_DIR"),
        ({"PUSHMILL_VAPID_SUBJECT": "", "PUSHMILL_MAX_ATTEMPTS": "0"}, 2, "PUSHMILL_MAX_ATTEMPTS"),
        (
            {"PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"},
            1,
            "cannot use Kafka at 127.0.0.1:",
        ),
    ],
)
async def test_what_is_wrong_at_the_start_is_one_clear_message(world: World, change, status, said):
    worker = WorkerProcess(world.environment([], 0, **change), world.folder / "worker.log")
    await worker.start(ready=False)
    assert await worker.wait() == status
    log = worker.log.read_text()
    assert said in log
    assert "Traceback" not in log


async def test_a_taken_status_port_is_said(world: World):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    worker = WorkerProcess(
        world.environment([], 0, PUSHMILL_STATUS_PORT=str(port)), world.folder / "worker.log"
    )
    await worker.start(ready=False)
    assert await worker.wait() == 1
    assert "PUSHMILL_STATUS_PORT" in worker.log.read_text()
    server.close()
