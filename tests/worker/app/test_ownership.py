"""A worker whose partitions go while a checkpoint is under way, with Kafka's clients replaced."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError
from aiokafka.structs import TopicPartition

from worker.app import worker as app
from worker.app.worker import Worker
from worker.config import load_settings
from worker.edges import clock
from worker.edges.kafka import consumer as kafka
from worker.edges.kafka import producer as producer_module
from worker.edges.kafka.client import KafkaStuckError
from worker.edges.kafka.consumer import GroupConsumer
from worker.ledger.lease import Lease
from worker.records.envelope import Partition, Record

PLACES = {TopicPartition("push.jobs", 0)}
JOB = {
    "v": 1,
    "job_id": "j",
    "campaign_id": "c",
    "site_id": "s",
    "payload": "x",
    "recipients": [{"id": "r", "subscription": {"endpoint": 5}}],
}


class Consumer:
    def __init__(self, **_: Any) -> None:
        self._coordinator = SimpleNamespace(generation=1)
        self.committed: list[Any] = []
        self.refuses = False

    def pause(self, *_: Any) -> None: ...

    def paused(self) -> set[Any]:
        return set()

    def assignment(self) -> set[Any]:
        return PLACES

    async def commit(self, offsets: Any) -> None:
        await asyncio.sleep(0)
        if self.refuses:
            raise CommitFailedError
        self.committed.append(offsets)


class Producer:
    def __init__(self, **_: Any) -> None:
        self.acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.records: list[str] = []

    async def send(self, topic: str, *_: Any, **__: Any) -> asyncio.Future[None]:
        self.records.append(topic)
        return self.acknowledged


async def turns() -> None:
    """Enough of the event loop's for everything that waits for nobody."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def worker(tmp_path, monkeypatch):
    async def ask(self, assigned):
        return {}

    monkeypatch.setattr(kafka, "AIOKafkaConsumer", Consumer)
    monkeypatch.setattr(producer_module, "AIOKafkaProducer", Producer)
    monkeypatch.setattr("worker.app.worker.ControlReader", lambda *_: None)
    monkeypatch.setattr(GroupConsumer, "_ask_committed", ask)
    environment = {"PUSHMILL_VAPID_DIR": str(tmp_path), "PUSHMILL_VAPID_SUBJECT": "mailto:x@example.com"}
    made = Worker(load_settings(environment))
    await made._consumer.on_partitions_assigned(PLACES)
    made._lease.renew(clock.monotonic())
    record = Record(Partition("jobs", 0), 0, 0.0, None, json.dumps(JOB).encode())
    made._pipeline.accept(record, 1.0)
    assert made._pipeline.unacknowledged == 1
    return made


async def test_a_checkpoint_under_way_is_not_committed_by_a_later_generation(worker):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    checkpoint = asyncio.create_task(worker._checkpoint_or_lose())
    await turns()
    assert producer.records == ["push.outcomes"]
    consumer._coordinator.generation = -1
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    await turns()
    assert worker._state.reason_unready() == "no partitions are assigned"
    assert not revoked.done()  # else the next assignment would come first, and let the commit through
    producer.acknowledged.set_result(None)
    await asyncio.gather(checkpoint, revoked)
    await worker._consumer.on_partitions_assigned(PLACES)
    assert not consumer.committed
    assert (worker._pipeline.unacknowledged, worker._pipeline.open) == (0, 0)


async def test_a_checkpoint_under_way_is_finished_before_partitions_go_in_order(worker):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    checkpoint = asyncio.create_task(worker._checkpoint_or_lose())
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    await turns()
    assert not revoked.done()
    producer.acknowledged.set_result(None)
    await asyncio.gather(checkpoint, revoked)
    assert [offset.offset for commit in consumer.committed for offset in commit.values()] == [1]


async def test_while_partitions_are_handed_over_nothing_new_is_sent_though_commits_go_on(worker, monkeypatch):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    producer.acknowledged.set_result(None)
    assert worker._may_send()
    landed = asyncio.Event()  # until then, a request is on the wire
    monkeypatch.setattr(worker._dispatcher, "all_landed", landed.wait)
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    await turns()
    await worker._checkpoint_or_lose()
    assert consumer.committed
    assert not worker._may_send()  # else there is always something on the wire, and the group waits for it
    landed.set()
    await revoked
    await worker._consumer.on_partitions_assigned(PLACES)
    worker._lease.renew(clock.monotonic())
    assert worker._may_send()


async def test_who_was_frozen_asks_whether_the_partitions_are_still_its_own_before_it_publishes(worker):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    worker._lease = Lease()  # it has run out
    consumer.refuses = True
    await worker._checkpoint_or_lose()
    assert not producer.records  # what it would hand to a tier would be sent once more
    assert not worker._state.owned


async def test_a_checkpoint_that_is_never_acknowledged_ends_the_process_when_partitions_go(
    worker, monkeypatch
):
    monkeypatch.setattr(producer_module, "ANSWER_LIMIT", 0.05)
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    with pytest.raises(KafkaStuckError, match="not acknowledged"):
        await asyncio.wait_for(worker._consumer.watch(), 5)
    assert not revoked.done()  # the group is not joined again
    revoked.cancel()


async def test_after_a_checkpoint_that_is_never_acknowledged_a_drain_commits_nothing(worker, monkeypatch):
    monkeypatch.setattr(producer_module, "ANSWER_LIMIT", 0.05)
    keys = {"p256dh": "x", "auth": "x"}
    waits = {"id": "w", "subscription": {"endpoint": "https://fcm.googleapis.com/fcm/send/w", "keys": keys}}
    half_settled = JOB | {"recipients": [*JOB["recipients"], waits]}
    record = Record(Partition("jobs", 0), 1, 0.0, None, json.dumps(half_settled).encode())
    worker._pipeline.accept(record, 1.0)
    assert (worker._pipeline.unacknowledged, worker._pipeline.open) == (2, 3)
    checkpoint = asyncio.create_task(worker._checkpoint_or_lose())
    await asyncio.sleep(0.01)
    draining = asyncio.create_task(worker._settle_up())
    for ending in (checkpoint, draining):
        with pytest.raises(KafkaStuckError, match="not acknowledged"):
            await asyncio.wait_for(ending, 1)
    # It would settle two recipients of whom no record may ever tell.
    assert not worker._consumer._consumer.committed


async def test_a_task_that_loses_its_cancellation_does_not_keep_the_process_from_ending(monkeypatch):
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling() > 1:
                    raise

    monkeypatch.setattr(app, "CANCEL_SECONDS", 0.05)
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(app._cancel(task), 5)
    assert not task.done()
    task.cancel()
