"""A worker that loses or hands over its partitions while a checkpoint is under way."""

import asyncio

import pytest
from prometheus_client import generate_latest

from tests.worker.app.support import PLACES, turns
from worker.edges import clock
from worker.edges.kafka.client import KafkaStuckError
from worker.ledger import patience
from worker.records.envelope import Partition, Record


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
    monkeypatch.setattr(patience, "OUTAGE_LIMIT", 0.05)
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    with pytest.raises(KafkaStuckError, match="not acknowledged"):
        await asyncio.wait_for(worker._consumer.watch(), 5)
    assert not revoked.done()  # the worker does not rejoin the group
    revoked.cancel()


# ── what is forgotten ───────────────────────────────────────────────────────────────────────────────────


SHELVED = Partition("jobs", 0)


def lags(worker) -> bool:
    """Whether the lag of the partition is reported."""
    lag = 'pushmill_consumer_lag_records{partition="0",topic="push.jobs"}'
    return lag in generate_latest(worker._registry).decode()


@pytest.fixture
def full(worker):
    """The worker, with a record on the shelf, a lag that is reported, and a Kafka that acknowledges."""
    worker._shelf.put([Record(SHELVED, 1, 0.0, None, b"{}")], clock.now())
    worker._watch._look_at_lag(lambda _: 5)
    worker._producer._producer.acknowledged.set_result(None)
    assert worker._shelf.holding == {SHELVED}
    assert lags(worker)
    return worker


@pytest.mark.parametrize("generation", [1, -1])
async def test_with_its_partitions_go_what_is_on_the_shelf_and_their_metrics(full, generation):
    """A record that stayed would be accepted again beside what the next owner, or this one, reads."""
    full._consumer._consumer._coordinator.generation = generation
    await full._consumer.on_partitions_revoked(PLACES)
    assert not full._shelf.holding
    assert not lags(full)
    assert not full._pipeline.partitions


async def test_before_it_settles_up_nothing_is_left_on_the_shelf(full, monkeypatch):
    """Otherwise what settles would make room, and records would be accepted until the end of the wait."""
    held = []

    async def settle_up() -> bool:
        held.append(set(full._shelf.holding))
        return True

    monkeypatch.setattr(full._handover, "settle_up", settle_up)
    await full._consumer.on_partitions_revoked(PLACES)
    full._shelf.put([Record(SHELVED, 1, 0.0, None, b"{}")], clock.now())
    await full._drain([asyncio.create_task(turns())])
    assert held == [set(), set()]


async def test_who_drains_sends_nothing_although_it_holds_the_lease(worker):
    worker._lease.renew(clock.monotonic())
    assert worker._ownership.may_send()
    worker._ownership.draining = True
    assert worker._lease.holds(clock.monotonic())
    assert not worker._ownership.may_send()
    assert worker._ownership.reason_unready() == "draining"
