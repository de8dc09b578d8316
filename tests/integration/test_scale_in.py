"""Workers that go for good: others take over their partitions at once, although membership is static."""

import time
from collections.abc import Sequence

import pytest

from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.upstream import Outcomes, send_campaign
from tests.harness.waiting import until, until_seen
from tests.harness.worker_process import WorkerProcess
from tests.harness.world import World
from worker.edges.kafka.consumer import SESSION_STATIC
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

RECIPIENTS = 4000
CALM = {"PUSHMILL_MAX_IN_FLIGHT": "16"}


@pytest.fixture
def faults() -> Faults:
    return Faults(seed=1, latency=0.02, jitter=0.04)


def assignments(worker: WorkerProcess) -> int:
    return worker.log.read_text().count("partitions assigned")


async def start_three(world: World, service: SimulatedPushService, **more: str) -> list[WorkerProcess]:
    """Start three workers that go for good once the file `leave-N` exists."""
    workers = [
        await world.start_worker(
            service, number=number, PUSHMILL_LEAVE_FILE=str(world.folder / f"leave-{number}"), **CALM, **more
        )
        for number in range(3)
    ]
    await until_seen(lambda: all(worker.status("/readyz") == 200 for worker in workers), "all are ready")
    return workers


async def everybody_was_sent_to_once(world: World, service: SimulatedPushService, recipients: int) -> None:
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(recipients)
        await outcomes.drain()
    assert {len(each) for each in found.values()} == {1}
    assert {outcome["status"] for [outcome] in found.values()} == {"sent"}
    assert (service.stats.taken, service.repeats()) == (recipients, 0)


async def goes_for_good(
    world: World, number: int, worker: WorkerProcess, others: Sequence[WorkerProcess]
) -> float:
    """End a worker; return the seconds until all others have been assigned its partitions."""
    (world.folder / f"leave-{number}").touch()
    before = [assignments(other) for other in others]
    began = time.monotonic()
    assert await worker.terminate() == 0, worker.log.read_text()
    await until_seen(
        lambda: all(assignments(other) > count for other, count in zip(others, before, strict=True)),
        "the others have its partitions",
    )
    return time.monotonic() - began


async def test_who_goes_for_good_leaves_its_partitions_to_others_at_once(
    world: World, service: SimulatedPushService
):
    workers = await start_three(world, service)
    await send_campaign(world, service, RECIPIENTS)
    await until(lambda: service.stats.taken > 500, "they are at it")
    last = workers.pop()
    took = await goes_for_good(world, 2, last, workers)
    assert took < SESSION_STATIC / 2
    log = last.log.read_text()
    assert '"left the group"' in log
    assert "Kafka refused" not in log  # it commits nothing once it has left
    await everybody_was_sent_to_once(world, service, RECIPIENTS)


async def test_each_of_several_processes_leaves(world: World, service: SimulatedPushService):
    stays = await world.start_worker(service, number=0, **CALM)
    goes = await world.start_worker(
        service, number=1, PUSHMILL_PROCESSES="2", PUSHMILL_LEAVE_FILE=str(world.folder / "leave-1"), **CALM
    )
    await send_campaign(world, service, RECIPIENTS)
    await until(lambda: service.stats.taken > 500, "they are at it")
    assert await goes_for_good(world, 1, goes, [stays]) < SESSION_STATIC / 2
    assert goes.log.read_text().count('"left the group"') == 2
    await everybody_was_sent_to_once(world, service, RECIPIENTS)


async def test_a_restart_without_the_file_moves_no_partition(world: World, service: SimulatedPushService):
    workers = await start_three(world, service)
    await send_campaign(world, service, RECIPIENTS)
    await until(lambda: service.stats.taken > 500, "they are at it")
    before = [assignments(worker) for worker in workers[:2]]
    assert await workers[2].terminate() == 0
    assert "left the group" not in workers[2].log.read_text()
    await workers[2].start()
    await everybody_was_sent_to_once(world, service, RECIPIENTS)
    assert [assignments(worker) for worker in workers[:2]] == before


async def test_who_goes_for_good_while_it_waits_to_join_leaves_nothing_behind(
    kafka: KafkaProxy, world: World, service: SimulatedPushService
):
    """The group waits for a member that is frozen, and a join that waits gets its partitions at the end."""
    frozen = await world.start_worker(service, number=0, **CALM)
    frozen.freeze()
    leave_file = world.folder / "leave-1"
    leave_file.touch()
    environment = world.environment([service], 1, PUSHMILL_LEAVE_FILE=str(leave_file))
    joins = WorkerProcess(environment, world.folder / "joins.log")
    world.workers.append(joins)
    await joins.start(ready=False)
    await until(lambda: len(kafka.members(environment["PUSHMILL_GROUP_ID"])) == 2, "its join waits")
    assert await joins.terminate() == 0
    assert '"left the group"' in joins.log.read_text()
    assert len(kafka.members(environment["PUSHMILL_GROUP_ID"])) == 1
    frozen.thaw()
    await send_campaign(world, service, 100)
    await everybody_was_sent_to_once(world, service, 100)
