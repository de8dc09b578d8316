"""The order of a checkpoint, and what happens when Kafka does not acknowledge it."""

import asyncio
import json
from typing import Any

import pytest

from tests.harness.waiting import GENEROUS, until
from tests.worker.app.support import JOB, PLACES, WAITS, turns
from worker.app.checkpoint import RENEW_SECONDS
from worker.app.worker import Worker
from worker.edges import clock
from worker.edges.kafka.client import KafkaStuckError
from worker.ledger import patience
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
    monkeypatch.setattr(patience, "OUTAGE_LIMIT", 0.05)
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


async def test_what_was_read_and_holds_no_record_is_committed_once_nothing_is_open(worker):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    [place] = PLACES
    worker._consumer._after[place] = 1  # the record of the fixture
    consumer.read_to(2)  # past a transaction's marker
    checkpoint = asyncio.create_task(worker._checkpointer.checkpoint())
    await turns()
    assert consumer.committed == []  # not before the record's outcome is acknowledged
    producer.acknowledged.set_result(None)
    await checkpoint
    consumer.read_to(5)
    worker._lease.end()  # as in an idle worker, which has no reason to renew it
    await worker._checkpointer.checkpoint()
    await worker._checkpointer.checkpoint()
    assert [commits[place].offset for commits in consumer.committed] == [2, 5]


async def test_what_was_fetched_and_not_accepted_is_not_committed(worker):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    producer.acknowledged.set_result(None)
    [place] = PLACES
    worker._consumer._after[place] = 3  # two records on the shelf, or dropped from it
    consumer.read_to(4)
    for last in (False, True):
        await worker._checkpointer.checkpoint(last=last)
    assert [commits[place].offset for commits in consumer.committed] == [1]


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


# ── Kafka is away ───────────────────────────────────────────────────────────────────────────────────────


class Clock:
    """Time that passes when a test says so, for the worker and for the event loop's time-outs alike."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop = asyncio.get_running_loop()
        self._passed = 0.0
        loop_time, monotonic = self._loop.time, clock.monotonic
        monkeypatch.setattr(self._loop, "time", lambda: loop_time() + self._passed)
        monkeypatch.setattr(clock, "monotonic", lambda: monotonic() + self._passed)

    async def passes(self, seconds: float) -> None:
        self._passed += seconds
        await turns()


@pytest.fixture
async def time(monkeypatch, worker):
    return Clock(monkeypatch)


class Waiting:
    """A checkpoint that Kafka does not acknowledge until a test lets it."""

    def __init__(self, worker: Worker, asked_for: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.for_records = asked_for == "records"
        self._producer: Any = worker._producer._producer
        self._consumer: Any = worker._consumer._consumer
        self._answer = asyncio.Event()
        self._commit = self._consumer.commit
        if not self.for_records:
            self._producer.acknowledged.set_result(None)
            monkeypatch.setattr(self._consumer, "commit", self._commit_later)
        if asked_for == "the last commit again":
            worker._lease.end()
            worker._lease.begin()
        self.checkpoint = asyncio.create_task(worker._checkpointer.checkpoint_or_lose())

    async def _commit_later(self, offsets: Any) -> None:
        await self._answer.wait()
        await self._commit(offsets)

    def acknowledge(self) -> None:
        self._answer.set()
        if not self._producer.acknowledged.done():
            self._producer.acknowledged.set_result(None)

    def refuse(self) -> None:
        """Refuse the commit, as the group's coordinator does once it has evicted the member."""
        self._consumer.refuses = True
        self.acknowledge()


@pytest.fixture(params=["records", "a commit", "the last commit again"])
async def waiting(worker, request, monkeypatch):
    made = Waiting(worker, request.param, monkeypatch)
    await turns()
    assert not made.checkpoint.done()
    return made


async def test_an_outage_of_two_minutes_is_waited_for_and_repeats_nothing(worker, time, waiting):
    await time.passes(120 + 15)
    assert not waiting.checkpoint.done()
    assert not worker._ownership.may_send()
    assert worker._ownership.reason_unready() is None  # its partitions are still its own
    waiting.acknowledge()
    await waiting.checkpoint
    assert worker._pipeline.unacknowledged == 0
    await time.passes(0.25)
    await worker._checkpointer.checkpoint()
    assert worker._ownership.may_send() or not worker._pipeline.open


async def test_waiting_has_an_end_all_the_same(worker, time, waiting):
    await time.passes(patience.OUTAGE_LIMIT)
    with pytest.raises(KafkaStuckError, match=r"not acknowledged within 300 s$"):
        await waiting.checkpoint


@pytest.mark.parametrize("away", [10.0, 100.0])
@pytest.mark.parametrize("waiting", ["records"], indirect=True)
async def test_whoever_hears_that_its_partitions_are_lost_waits_little_longer_for_its_records(
    worker, time, waiting, away
):
    await time.passes(away)
    worker._membership.evicted()
    await turns()
    assert waiting.checkpoint.done() == (away > patience.ANSWER_LIMIT)
    assert not worker._ownership.owns()
    await time.passes(patience.ANSWER_LIMIT)
    with pytest.raises(KafkaStuckError, match="and the partitions are lost"):
        await waiting.checkpoint


@pytest.mark.parametrize("waiting", ["a commit", "the last commit again"], indirect=True)
async def test_a_commit_that_is_refused_after_a_long_wait_ends_no_process(worker, time, waiting):
    """No record is pending, so forgetting everything is enough."""
    await time.passes(100)
    worker._membership.evicted()
    await turns()
    assert not waiting.checkpoint.done()
    waiting.refuse()
    await waiting.checkpoint
    assert not worker._ownership.owns()
    assert worker._pipeline.open == 0
    assert not worker._consumer._consumer.committed


async def test_a_drain_while_kafka_is_away_has_a_limit(worker, time, waiting):
    await time.passes(100)
    draining = asyncio.create_task(worker._handover.drain())
    await time.passes(worker._settings.drain_timeout + patience.ANSWER_LIMIT - 1)
    assert not draining.done()
    await time.passes(2)
    for ending in (waiting.checkpoint, draining):
        with pytest.raises(KafkaStuckError, match="and the process has to stop"):
            await ending


async def test_a_drain_that_kafka_comes_back_for_is_a_clean_one(worker, time, waiting):
    await time.passes(100)
    draining = asyncio.create_task(worker._handover.drain())
    await time.passes(20)
    waiting.acknowledge()
    await asyncio.gather(waiting.checkpoint, draining)
    assert worker._pipeline.unacknowledged == 0
    assert worker._consumer._consumer.committed


async def test_a_hand_over_waits_as_long_as_anything_else(worker, time, waiting):
    """Without Kafka the group cannot move on either, and whoever ends would repeat what is unacknowledged."""
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    await time.passes(135)
    assert not revoked.done()
    waiting.acknowledge()
    await asyncio.gather(waiting.checkpoint, revoked)
    assert worker._consumer._consumer.committed
    assert worker._pipeline.unacknowledged == 0


async def test_a_hand_over_that_the_group_did_not_wait_for_ends_the_process_if_records_are_pending(
    worker, time, waiting
):
    revoked = asyncio.create_task(worker._consumer.on_partitions_revoked(PLACES))
    await time.passes(100)
    worker._membership.evicted()
    if waiting.for_records:
        with pytest.raises(KafkaStuckError, match="and the partitions are lost"):
            await asyncio.wait_for(worker._consumer.watch(), GENEROUS)
        assert not revoked.done()  # the worker does not rejoin the group
        revoked.cancel()
        with pytest.raises(KafkaStuckError):
            await waiting.checkpoint
    else:
        waiting.refuse()
        await asyncio.gather(revoked, waiting.checkpoint)
        assert worker._pipeline.open == 0
    assert not worker._consumer._consumer.committed
