"""The order of a checkpoint, and what happens when Kafka does not acknowledge it."""

import asyncio
import json

import pytest

from tests.harness.waiting import until
from tests.worker.app.support import JOB, WAITS, turns
from worker.app.checkpoint import RENEW_SECONDS
from worker.edges import clock
from worker.edges.kafka import producer as producer_module
from worker.edges.kafka.client import KafkaStuckError
from worker.ledger.lease import DURATION
from worker.records.envelope import Partition, Record


async def test_after_a_freeze_it_asks_whether_the_partitions_are_still_its_own_before_it_publishes(worker):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    worker._lease.end()
    worker._lease.begin()  # as if it had run out: the next acknowledged commit renews it
    consumer.refuses = True
    await worker._checkpointer.checkpoint_or_lose()
    assert not producer.records  # recipients it would hand to a tier would be sent to twice
    assert not worker._ownership.owns()
    worker._lease.renew(clock.monotonic())
    assert not worker._lease.holds(clock.monotonic())  # nothing is sent before the next assignment


async def test_after_a_checkpoint_that_is_never_acknowledged_a_drain_commits_nothing(worker, monkeypatch):
    monkeypatch.setattr(producer_module, "ANSWER_LIMIT", 0.05)
    half_settled = JOB | {"recipients": [*JOB["recipients"], WAITS]}
    record = Record(Partition("jobs", 0), 1, 0.0, None, json.dumps(half_settled).encode())
    worker._pipeline.accept(record, 1.0)
    assert (worker._pipeline.unacknowledged, worker._pipeline.open) == (2, 3)
    checkpoint = asyncio.create_task(worker._checkpointer.checkpoint_or_lose())
    await asyncio.sleep(0.01)
    draining = asyncio.create_task(worker._handover.settle_up())
    for ending in (checkpoint, draining):
        with pytest.raises(KafkaStuckError, match="not acknowledged"):
            await asyncio.wait_for(ending, 1)
    # It would settle two recipients without a record of their outcomes.
    assert not worker._consumer._consumer.committed


async def test_nothing_is_committed_before_the_records_are_acknowledged_nor_counted_as_done(worker):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    checkpoint = asyncio.create_task(worker._checkpointer.checkpoint())
    await turns()
    assert (producer.records, consumer.committed) == (["push.outcomes"], [])
    assert worker._pipeline.unacknowledged == 1
    producer.acknowledged.set_result(None)
    await checkpoint
    assert len(consumer.committed) == 1
    assert worker._pipeline.unacknowledged == 0


async def test_once_a_checkpoint_has_made_room_the_dispatcher_has_another_turn(worker, monkeypatch):
    """With as much at risk as may be, nothing else would wake it."""
    at_risk = []
    monkeypatch.setattr(worker._dispatcher, "wake", lambda: at_risk.append(worker._pipeline.unacknowledged))
    checkpoint = asyncio.create_task(worker._checkpointer.checkpoint())
    await turns()
    assert at_risk == []
    worker._producer._producer.acknowledged.set_result(None)
    await checkpoint
    assert at_risk == [0]


async def test_the_lease_runs_from_the_moment_at_which_the_commit_was_asked_for(worker, monkeypatch):
    now = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    worker._producer._producer.acknowledged.set_result(None)
    asked_at = now
    commit = worker._consumer._consumer.commit

    async def slow(offsets):
        nonlocal now
        now += DURATION / 2
        await commit(offsets)

    monkeypatch.setattr(worker._consumer._consumer, "commit", slow)
    await worker._checkpointer.checkpoint()
    assert worker._lease.holds(asked_at + DURATION * 0.99)
    assert not worker._lease.holds(asked_at + DURATION)


async def test_the_last_commit_is_repeated_in_time_to_keep_the_lease_while_something_is_open(
    worker, monkeypatch
):
    now = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    producer.acknowledged.set_result(None)
    waits = Record(Partition("jobs", 0), 1, 0.0, None, json.dumps(JOB | {"recipients": [WAITS]}).encode())
    worker._pipeline.accept(waits, 1.0)
    await worker._checkpointer.checkpoint()
    assert worker._pipeline.open
    for elapsed, commits in ((RENEW_SECONDS * 0.9, 1), (RENEW_SECONDS * 0.2, 2), (RENEW_SECONDS * 0.9, 2)):
        now += elapsed
        await worker._checkpointer.checkpoint()
        assert len(consumer.committed) == commits
    assert RENEW_SECONDS < DURATION


async def test_the_loop_makes_one_each_interval_or_when_one_is_wanted_but_only_of_what_it_owns(
    worker, monkeypatch
):
    made = []

    async def checkpoint():
        made.append(worker._checkpointer._wanted.is_set())
        worker._checkpointer._interval = 3600.0

    monkeypatch.setattr(worker._checkpointer, "checkpoint", checkpoint)
    monkeypatch.setattr(worker._checkpointer, "_interval", 0.01)
    running = asyncio.create_task(worker._checkpointer.run())
    await until(lambda: made)
    worker._checkpointer._wanted.set()
    await turns()
    assert made == [False, False]
    worker._ownership.lose()
    worker._checkpointer._wanted.set()
    await turns()
    assert made == [False, False]
    running.cancel()
    await asyncio.wait([running])
