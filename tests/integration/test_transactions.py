"""Upstreams that write in transactions, on Apache Kafka: the embedded broker loses what follows an abort."""

import asyncio
import json
import os
import random
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.harness.upstream import Outcomes, job, recipient
from tests.harness.waiting import until_seen
from tests.harness.worker_process import ROOT, WorkerProcess
from tests.harness.world import World
from worker.simulator.service import SimulatedPushService

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(300)]

TIMEOUT_SECONDS = 10

DEAD_PRODUCER = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

async def main(broker, topic, name, timeout_ms):
    producer = AIOKafkaProducer(
        bootstrap_servers=broker, transactional_id=name, transaction_timeout_ms=int(timeout_ms)
    )
    await producer.start()
    await producer.begin_transaction()
    await (await producer.send(topic, sys.stdin.buffer.read(), partition=0))
    print("written", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


class Transaction:
    """A transaction of an upstream's, open from the first record on."""

    def __init__(self, world: World, producer: AIOKafkaProducer) -> None:
        self._world = world
        self._producer = producer

    async def write(self, *values: dict[str, Any], topic: str = "jobs", partition: int = 0) -> None:
        for value in values:
            key = value["campaign_id"].encode() if topic == "control" else None
            written = await self._producer.send(
                self._world.prefix + topic, json.dumps(value).encode(), key=key, partition=partition
            )
            await written

    async def commit(self) -> None:
        await self._producer.commit_transaction()

    async def abort(self) -> None:
        await self._producer.abort_transaction()


@asynccontextmanager
async def transaction(world: World) -> AsyncIterator[Transaction]:
    producer = AIOKafkaProducer(
        bootstrap_servers=world.broker, transactional_id=f"{world.prefix}{uuid.uuid4().hex}"
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        yield Transaction(world, producer)
    finally:
        await producer.stop()


async def aborted(world: World, *values: dict[str, Any], topic: str = "jobs", partition: int = 0) -> None:
    async with transaction(world) as one:
        await one.write(*values, topic=topic, partition=partition)
        await one.abort()


async def committed(world: World, *values: dict[str, Any], topic: str = "jobs", partition: int = 0) -> None:
    async with transaction(world) as one:
        await one.write(*values, topic=topic, partition=partition)
        await one.commit()


def jobs(service: SimulatedPushService, *names: str, **fields: Any) -> list[dict[str, Any]]:
    subscriptions = service.subscribe(len(names))
    pairs = zip(names, subscriptions, strict=True)
    return [job(name, [recipient("r", subscription)], **fields) for name, subscription in pairs]


def control(campaign: str, state: str) -> dict[str, Any]:
    return {"v": 1, "campaign_id": campaign, "state": state, "shift": 0, "at": "2026-11-21T09:00:00Z"}


async def sent(world: World, service: SimulatedPushService, *names: str) -> None:
    """Assert that exactly these jobs have been sent, each once, and that nothing else follows."""
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(len(names))
    assert {job_id for job_id, _ in found} == set(names)
    assert {outcome["status"] for each in found.values() for outcome in each} == {"sent"}
    assert service.stats.taken == len(names)


async def is_idle(world: World, worker: WorkerProcess) -> None:
    """Assert that nothing counts as left, by any measure."""
    await world.until_all_is_committed()
    await until_seen(lambda: worker.metric("pushmill_consumer_lag_records") == 0, "there is no lag")
    assert worker.metric("pushmill_held_records") == 0


async def test_of_an_aborted_transaction_no_job_is_sent(world: World, service: SimulatedPushService):
    worker = await world.start_worker(service)
    await aborted(world, *jobs(service, "a1", "a2", "a3"))
    await committed(world, *jobs(service, "good"))
    await sent(world, service, "good")
    await is_idle(world, worker)  # though the last that is there is a marker
    await aborted(world, *jobs(service, "a4"))
    await is_idle(world, worker)
    await sent(world, service, "good")


async def test_a_worker_that_starts_behind_transactions_sends_what_was_committed_alone(
    world: World, service: SimulatedPushService
):
    await aborted(world, *jobs(service, "a1", "a2"))
    await committed(world, *jobs(service, "b1"))
    await aborted(world, *jobs(service, "a3"), partition=1)
    worker = await world.start_worker(service)
    await sent(world, service, "b1")
    await is_idle(world, worker)
    assert await worker.terminate() == 0
    await committed(world, *jobs(service, "b2"))
    await aborted(world, *jobs(service, "a4", "a5"))
    await worker.start()
    await sent(world, service, "b1", "b2")
    await is_idle(world, worker)
    await worker.kill()
    await aborted(world, *jobs(service, "a6"))
    await world.produce(*jobs(service, "b3"), partition=0)
    await worker.start()
    await sent(world, service, "b1", "b2", "b3")
    await is_idle(world, worker)


async def test_what_is_behind_an_open_transaction_waits_for_its_end_and_the_metrics_say_so(
    world: World, service: SimulatedPushService
):
    worker = await world.start_worker(service)
    held = {"topic": f"{world.prefix}jobs", "partition": "0"}
    async with transaction(world) as one:
        await one.write(*jobs(service, "inside"))
        await world.produce(*jobs(service, "behind"), partition=0)
        await world.produce(*jobs(service, "beside"), partition=1)
        await until_seen(lambda: worker.metric("pushmill_held_records", **held) == 2, "both are held")
        await sent(world, service, "beside")
        assert worker.metric("pushmill_consumer_lag_records", **held) == 2
        await one.commit()
    await sent(world, service, "inside", "behind", "beside")
    await is_idle(world, worker)


async def test_a_producer_that_dies_in_a_transaction_holds_its_partition_until_the_transaction_times_out(
    world: World, service: SimulatedPushService
):
    worker = await world.start_worker(service)
    began_at = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DEAD_PRODUCER),
        *(world.broker, f"{world.prefix}jobs", f"{world.prefix}dead", str(TIMEOUT_SECONDS * 1000)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=os.environ,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(jobs(service, "lost")[0]).encode())
    process.stdin.close()
    assert await process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await world.produce(*jobs(service, "behind"), partition=0)
    await until_seen(lambda: worker.metric("pushmill_held_records") == 2, "both are held")
    await sent(world, service, "behind")
    assert time.monotonic() - began_at > TIMEOUT_SECONDS
    await is_idle(world, worker)


async def test_control_records_count_once_their_transaction_is_committed_and_never_if_it_is_aborted(
    world: World, service: SimulatedPushService
):
    held = {"topic": f"{world.prefix}control", "partition": "0"}
    await aborted(world, control("aborted", "cancelled"), topic="control")
    await committed(world, control("gone", "cancelled"), topic="control")
    async with transaction(world) as one:
        await one.write(control("other", "paused"), topic="control")
        # Behind an open transaction it does not count yet; and a worker starts all the same.
        await committed(world, control("behind", "cancelled"), topic="control")
        worker = await world.start_worker(service)
        await until_seen(lambda: worker.metric("pushmill_held_records", **held) == 3, "it is said")
        for name in ("aborted", "gone", "behind"):
            await world.produce(*jobs(service, f"{name}-1", campaign_id=name))
        async with Outcomes(world) as outcomes:
            found = await outcomes.of(3)
        assert {name: outcome["status"] for (name, _), [outcome] in found.items()} == {
            "aborted-1": "sent",
            "gone-1": "cancelled",
            "behind-1": "sent",
        }
        await one.commit()
    await until_seen(lambda: worker.metric("pushmill_held_records", **held) == 0, "nothing is held")
    await until_seen(lambda: '"campaign": "behind"' in worker.log.read_text(), "the worker has read it")
    await world.produce(*jobs(service, "behind-2", campaign_id="behind"))
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(4)
    [outcome] = found["behind-2", "r"]
    assert outcome["status"] == "cancelled"


async def test_of_many_transactions_each_committed_job_is_sent_once_though_workers_come_and_go(
    world: World, service: SimulatedPushService
):
    dice = random.Random(16)
    good: list[str] = []

    async def write(transactions: int) -> None:
        for _ in range(transactions):
            aborts = dice.random() < 0.5
            async with transaction(world) as one:
                for _ in range(dice.randint(1, 3)):
                    name = f"{'bad' if aborts else 'good'}-{dice.random()}"
                    good.extend([] if aborts else [name])
                    await one.write(*jobs(service, name), partition=dice.randrange(world.partitions))
                await (one.abort() if aborts else one.commit())

    workers = [await world.start_worker(service, number=number) for number in range(2)]
    for worker in workers:
        writing = asyncio.create_task(write(12))
        assert await worker.terminate() == 0
        await writing
        await worker.start()
    await write(6)
    await sent(world, service, *good)
    for worker in workers:
        await is_idle(world, worker)
