"""Fetching and accepting records, with a stand-in for the group's consumer."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.worker.support import JOBS, NOW, TOKENS, job, make_pipeline, record
from worker.app import fetch
from worker.app.fetch import FETCH_SECONDS, FetchLoop
from worker.app.watch import Watch
from worker.edges import clock
from worker.ledger.lease import DURATION, Lease
from worker.metrics import Metrics
from worker.pipeline.shelf import Shelf
from worker.records.envelope import Partition
from worker.records.topics import TIERS

TIER = TIERS[0]


class Consumer:
    """Stands in for GroupConsumer: returns each batch of a test once."""

    def __init__(self):
        self.membership = None
        self.batches = []
        self.patience = []
        self.held = None

    async def start(self, membership):
        self.membership = membership

    async def fetch(self, seconds):
        self.patience.append(seconds)
        await asyncio.sleep(0)
        return self.batches.pop(0) if self.batches else []

    def hold(self, partitions):
        self.held = set(partitions)


class Wakes:
    def __init__(self):
        self.count = 0

    def wake(self):
        self.count += 1


class World:
    def __init__(self, monkeypatch):
        self.now = NOW
        self.owned = True
        monkeypatch.setattr(clock, "now", lambda: self.now)
        monkeypatch.setattr(clock, "monotonic", lambda: self.now)
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        self.consumer, self.dispatcher, self.shelf, self.lease = Consumer(), Wakes(), Shelf(), Lease()
        self.pipeline = make_pipeline(metrics=metrics)
        self.checkpoint_wanted = asyncio.Event()
        self.loop = FetchLoop(
            self.consumer,
            self.shelf,
            self.pipeline,
            self.dispatcher,
            watch=Watch(self.pipeline, self.shelf, TOKENS, metrics, topic_prefix="push."),
            metrics=metrics,
            lease=self.lease,
            owns=lambda: self.owned,
            checkpoint_wanted=self.checkpoint_wanted,
            topic_prefix="push.",
        )

    async def run(self, *batches):
        """Let the loop fetch these batches and accept what it can."""
        self.consumer.batches += batches
        running = asyncio.create_task(self.loop.run("membership"))
        for _ in range(50):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])

    def consumed(self, topic="push.jobs"):
        return self.registry.get_sample_value("pushmill_consumed_records_total", {"topic": topic})


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


async def test_it_joins_the_group_and_accepts_what_it_fetches(world):
    await world.run([record(job(), offset=0), record(job(), offset=1)])
    assert world.consumer.membership == "membership"
    assert (world.pipeline.buffered, world.consumed(), world.consumer.held) == (2, 2, set())
    assert world.dispatcher.count


async def test_what_is_fetched_after_the_partitions_are_lost_is_not_accepted(world):
    world.owned = False
    await world.run([record(job())])
    assert (world.pipeline.open, world.shelf.holding) == (0, set())


async def test_exactly_the_partitions_of_what_waits_on_the_shelf_are_held(world, monkeypatch):
    monkeypatch.setattr(world.pipeline, "has_room", lambda partition, _urgent: partition != JOBS)
    urgent = Partition("jobs.urgent", 0)
    await world.run([record(job()), record(job(), urgent)])
    assert (world.consumer.held, world.pipeline.buffered) == ({JOBS}, 1)


async def test_a_record_that_is_not_a_job_is_logged_and_stalls_nothing(world):
    with capture_logs() as lines:
        await world.run([record(b"{", offset=0), record(job(), offset=1)])
    assert [line["code"] for line in lines] == ["bad_json"]
    assert (world.pipeline.buffered, world.consumed()) == (1, 2)


@pytest.mark.parametrize(("elapsed", "wanted"), [(DURATION / 2, False), (DURATION, True)])
async def test_a_checkpoint_is_wanted_once_the_lease_has_run_out_over_something_open(world, elapsed, wanted):
    world.lease.renew(NOW)
    world.now += elapsed
    await world.run()
    assert not world.checkpoint_wanted.is_set()  # nothing is open
    await world.run([record(job())])
    assert world.checkpoint_wanted.is_set() is wanted


async def test_accepting_gives_the_event_loop_its_turn(world, monkeypatch):
    monkeypatch.setattr(fetch, "SERVE_SECONDS", 0.0)
    turns = []

    async def look():
        while True:
            turns.append(world.pipeline.buffered)
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await world.run([record(job(), offset=offset) for offset in range(3)])
    looking.cancel()
    assert {1, 2, 3} <= set(turns)


@pytest.mark.parametrize(
    ("left", "patience"), [(10.0, FETCH_SECONDS), (FETCH_SECONDS / 2, FETCH_SECONDS / 2), (0.0005, 0.001)]
)
async def test_it_waits_for_records_no_longer_than_until_one_on_the_shelf_is_ready(world, left, patience):
    await world.run()
    assert set(world.consumer.patience) == {FETCH_SECONDS}
    written_at = world.now - TIER.delay + left
    world.shelf.put([record(job(), Partition(TIER.topic, 0), timestamp=written_at)], world.now)
    assert world.loop._patience() == pytest.approx(patience)


async def test_a_timestamp_that_cannot_be_is_logged_without_what_is_in_the_record(world):
    odd = [record(job(), offset=offset, timestamp=NOW * 1000) for offset in range(7, 12)]
    with capture_logs() as lines:
        await world.run(odd)
    [line] = lines  # five of a kind are one line
    assert line["log_level"] == "warning"
    assert (line["topic"], line["partition"], line["offset"]) == ("push.jobs", 0, 7)
    assert line["problem"] == "is more than 5 minutes ahead"
    assert line.keys() == {
        *("event", "log_level", "topic", "partition", "offset", "problem", "more_held_back")
    }
    assert world.pipeline.buffered == 5
