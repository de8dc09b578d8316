"""PUSHMILL_PROCESSES: several worker processes as one service, with one status port."""

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from tests.harness.upstream import Outcomes, send_campaign
from tests.harness.waiting import until, until_seen
from tests.harness.worker_process import WorkerProcess, free_port
from tests.harness.world import World
from tests.integration.test_lifecycle import PATIENT
from worker.edges.process.supervisor import UNBEGUN
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

RECIPIENTS = 2000


@pytest.fixture
def faults() -> Faults:
    return Faults(seed=1, latency=0.02, jitter=0.04)


def children(parent: int) -> list[int]:
    """Return the ids of a process's living children."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, above = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(above) == parent and state != "Z":
            found.append(int(stat.parent.name))
    return found


def is_there(pid: int) -> bool:
    """Whether a process exists, even as a zombie."""
    return Path(f"/proc/{pid}").exists()


def members(worker: WorkerProcess) -> set[str]:
    """Return the process numbers in the log."""
    return set(re.findall(r'"process": ?(\d+)', worker.log.read_text()))


async def test_processes_share_the_work_and_the_status_port(world: World, service: SimulatedPushService):
    worker = await world.start_worker(service, PUSHMILL_PROCESSES="2")
    pids = children(worker.pid)
    assert len(pids) == 2
    await send_campaign(world, service, RECIPIENTS)
    async with Outcomes(world) as outcomes:
        assert len(await outcomes.of(RECIPIENTS)) == RECIPIENTS
        writers = {batch["worker"] for batch in outcomes.values}
    assert writers == {f"{world.prefix}worker-0/{number}" for number in (0, 1)}
    assert worker.status("/healthz") == 200
    assert worker.metric("pushmill_outcomes_total", status="sent") == RECIPIENTS
    assert worker.metric("pushmill_worker_state", state="running") == 2
    assert await worker.terminate() == 0, worker.log.read_text()
    assert not any(map(is_there, pids))
    assert members(worker) == {"0", "1"}
    assert (service.stats.taken, service.repeats()) == (RECIPIENTS, 0)


async def test_a_process_that_is_killed_comes_back_and_nothing_is_lost(
    world: World, service: SimulatedPushService
):
    worker = await world.start_worker(service, PUSHMILL_PROCESSES="2", PUSHMILL_MAX_IN_FLIGHT="32")
    await send_campaign(world, service, RECIPIENTS)
    await until(lambda: service.stats.taken > 300, "some pushes are through")
    first, second = children(worker.pid)
    os.kill(first, signal.SIGKILL)
    await until_seen(lambda: worker.status("/readyz") == 503, "one is missing")
    assert worker.status("/healthz") == 200
    await until_seen(lambda: worker.status("/readyz") == 200, "it is back")
    assert second in children(worker.pid)
    async with Outcomes(world) as outcomes:
        assert len(await outcomes.of(RECIPIENTS)) == RECIPIENTS
    assert service.stats.taken - service.repeats() == RECIPIENTS
    assert await worker.terminate() == 0, worker.log.read_text()


async def test_no_process_outlives_a_supervisor_that_is_killed(world: World, service: SimulatedPushService):
    worker = await world.start_worker(service, PUSHMILL_PROCESSES="2")
    pids = children(worker.pid)
    await worker.kill()
    await until(lambda: not any(map(is_there, pids)), "its processes end", 20)
    assert worker.log.read_text().count('"stopped"') == 2  # they drained


async def test_a_second_signal_forces_all_of_them(world: World):
    faults = Faults(seed=1, latency=60.0)
    async with world.push_service(faults=faults) as service:
        worker = await world.start_worker(service, PUSHMILL_PROCESSES="2", **PATIENT)
        pids = children(worker.pid)
        await send_campaign(world, service, RECIPIENTS)
        await until(lambda: service.stats.in_flight > 0, "pushes are in flight")
        worker.signal(signal.SIGTERM)
        await until_seen(lambda: worker.status("/readyz") == 503, "readiness is gone")
        worker.signal(signal.SIGTERM)
        assert await worker.wait(20) == 1
        await until(lambda: not any(map(is_there, pids)), "all have ended", 20)


async def test_a_port_that_is_taken_ends_it_before_any_process_starts(world: World):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    environment = world.environment([], 0, PUSHMILL_STATUS_PORT=port, PUSHMILL_PROCESSES="2")
    worker = WorkerProcess(environment, world.folder / "worker.log")
    await worker.start(ready=False)
    assert await worker.wait() == 1
    assert "PUSHMILL_STATUS_PORT" in worker.log.read_text()
    assert not members(worker)
    server.close()


async def test_without_kafka_it_goes_on_trying_until_it_is_stopped(world: World):
    nowhere = f"127.0.0.1:{free_port()}"
    environment = world.environment([], 0, PUSHMILL_KAFKA_BOOTSTRAP_SERVERS=nowhere, PUSHMILL_PROCESSES="2")
    worker = WorkerProcess(environment, world.folder / "worker.log")
    world.workers.append(worker)
    await worker.start(ready=False)
    await until_seen(lambda: "restarting it" in worker.log.read_text(), "a process has ended")
    assert (worker.status("/healthz"), worker.status("/readyz")) == (200, 503)
    assert await worker.terminate() == 0
    log = worker.log.read_text()
    assert nowhere in log
    assert f'"status": {UNBEGUN}' in log  # so an exit during the stop is no failure
    assert "Traceback" not in log
