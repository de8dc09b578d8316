"""A worker that loses or hands over its partitions while a checkpoint is under way."""

import asyncio

import pytest

from tests.worker.app.support import PLACES, turns
from worker.edges import clock
from worker.edges.kafka import producer as producer_module
from worker.edges.kafka.client import KafkaStuckError


async def test_a_checkpoint_under_way_is_not_committed_by_a_later_generation(worker):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    checkpoint = asyncio.create_task(worker._checkpointer.checkpoint_or_lose())
    await turns()
    assert producer.records == ["push.outcomes"]
    consumer._coordinator.generation = -1
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    await turns()
    assert worker._ownership.reason_unready() == "no partitions are assigned"
    assert not revoked.done()  # otherwise the next assignment would come first and let the commit through
    producer.acknowledged.set_result(None)
    await asyncio.gather(checkpoint, revoked)
    await worker._consumer.on_partitions_assigned(PLACES)
    assert not consumer.committed
    assert (worker._pipeline.unacknowledged, worker._pipeline.open) == (0, 0)


async def test_a_checkpoint_under_way_is_finished_before_partitions_go_in_order(worker):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    checkpoint = asyncio.create_task(worker._checkpointer.checkpoint_or_lose())
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    await turns()
    assert not revoked.done()
    producer.acknowledged.set_result(None)
    await asyncio.gather(checkpoint, revoked)
    assert [offset.offset for commit in consumer.committed for offset in commit.values()] == [1]


async def test_while_partitions_are_handed_over_nothing_new_is_sent_though_commits_go_on(worker, monkeypatch):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    producer.acknowledged.set_result(None)
    assert worker._ownership.may_send()
    landed = asyncio.Event()  # until then, a request is in flight
    monkeypatch.setattr(worker._dispatcher, "all_landed", landed.wait)
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    await turns()
    await worker._checkpointer.checkpoint_or_lose()
    assert consumer.committed
    # Otherwise something would always be in flight, and the group would wait for it.
    assert not worker._ownership.may_send()
    landed.set()
    await revoked
    await worker._consumer.on_partitions_assigned(PLACES)
    worker._lease.renew(clock.monotonic())
    assert worker._ownership.may_send()


async def test_a_checkpoint_that_is_never_acknowledged_ends_the_process_when_partitions_go(
    worker, monkeypatch
):
    monkeypatch.setattr(producer_module, "ANSWER_LIMIT", 0.05)
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    with pytest.raises(KafkaStuckError, match="not acknowledged"):
        await asyncio.wait_for(worker._consumer.watch(), 5)
    assert not revoked.done()  # the worker does not rejoin the group
    revoked.cancel()
