"""Producers whose clocks are wrong, on a topic that they stamp and on one that the broker stamps."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.harness.upstream import Outcomes, Reader, job, recipient
from tests.harness.waiting import until_seen
from tests.harness.world import World
from worker.config import KafkaSettings
from worker.edges.kafka.topics import create_topics
from worker.simulator.service import SimulatedPushService

CREATE_TIME, LOG_APPEND_TIME = 0, 1
TOLD = "a record's timestamp cannot be right; its job counts as written now"


@pytest.fixture
async def older(broker: str, tmp_path: Path) -> AsyncIterator[World]:
    """An installation whose `push.jobs` is older than the rule that the broker stamps inputs."""
    world = World(broker, tmp_path)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    config = {
        "message.timestamp.type": "CreateTime",
        "message.timestamp.after.max.ms": str(2**63 - 1),  # Kafka 4 refuses an hour ahead by default
        "retention.ms": "-1",  # retention goes by these timestamps, and would remove what is from 1970
    }
    await admin.create_topics([NewTopic(f"{world.prefix}jobs", world.partitions, 1, topic_configs=config)])
    await admin.close()
    async with world:
        yield world


def stamps() -> dict[str, int]:
    """Wrong timestamps in milliseconds, by what is wrong with them."""
    now = time.time()
    return {"seconds": int(now), "zero": 0, "microseconds": int(now * 1e6), "behind": int((now - 90) * 1000)}


async def produce(world: World, service: SimulatedPushService, wrong: dict[str, int]) -> None:
    for name, timestamp in wrong.items():
        [subscription] = service.subscribe(1)
        await world.produce(job(name, [recipient("r", subscription)], ttl=60), timestamp_ms=timestamp)


async def became(world: World, count: int) -> dict[str, tuple[Any, ...]]:
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(count)
        await outcomes.drain()
    return {
        name: tuple(each[field] for field in ("status", "detail", "attempts", "number"))
        for (name, _), [each] in found.items()
    }


async def stored(world: World, count: int) -> dict[str, tuple[int, int]]:
    """The timestamps that Kafka keeps of the jobs, each with its type."""
    async with Reader(world, "jobs") as jobs:
        await jobs.read(lambda: len(jobs.records) >= count, "every job is there")
    return {
        json.loads(record.value)["job_id"]: (record.timestamp, record.timestamp_type)
        for record in jobs.records
    }


async def test_on_a_topic_that_producers_stamp(older: World, service_of_older: SimulatedPushService):
    worker = await older.start_worker(service_of_older)
    wrong = stamps()
    await produce(older, service_of_older, wrong)
    assert await became(older, len(wrong)) == {
        "seconds": ("sent", None, 1, 0),
        "zero": ("sent", None, 1, 0),
        "microseconds": ("sent", None, 1, 0),
        "behind": ("lapsed", "produced_late", 0, 0),
    }
    assert await stored(older, len(wrong)) == {name: (each, CREATE_TIME) for name, each in wrong.items()}
    told = [json.loads(line) for line in worker.log.read_text().splitlines() if TOLD in line]
    assert {line["problem"] for line in told} == {"is before 2020", "is more than 5 minutes ahead"}
    assert {line["topic"] for line in told} == {f"{older.prefix}jobs"}
    assert all(line.keys() >= {"partition", "offset"} for line in told)


async def test_what_waits_with_such_a_timestamp_says_itself_when_it_starts(
    older: World, service_of_older: SimulatedPushService
):
    [first, second] = service_of_older.subscribe(2)
    worker = await older.start_worker(service_of_older)
    people = [recipient("now", first), recipient("then", second)]
    said = {"stretch_time": 36, "slice": {"first": 0, "total": 2}, "ttl": 60}
    before = time.time()
    await older.produce(job("j", people, **said), timestamp_ms=int(before * 1e6))
    tier = {"tier": "10s", "reason": "not_due"}
    await until_seen(lambda: worker.metric("pushmill_deferred_recipients_total", **tier) == 1, "it waits")
    await until_seen(
        lambda: worker.metric("pushmill_checkpoint_duration_seconds_count") >= 1, "its checkpoint is made"
    )
    await worker.kill()
    await worker.start()
    async with Outcomes(older) as outcomes, Reader(older, "later.10s") as later:
        found = await outcomes.of(2)
        await later.read(lambda: bool(later.records), "the record that waited is there")
    assert {each["status"] for each, *_ in found.values()} == {"sent"}
    start = later.values[0]["start_at"]
    assert time.gmtime(before)[:4] <= time.strptime(start[:19], "%Y-%m-%dT%H:%M:%S")[:4]
    assert {value["start_at"] for value in later.values} == {start}
    assert service_of_older.pushes(second)[0].at >= before + 18


async def test_on_a_topic_that_the_broker_stamps_no_producers_clock_counts(
    world: World, service: SimulatedPushService
):
    worker = await world.start_worker(service)
    wrong = stamps()
    await produce(world, service, wrong)
    assert await became(world, len(wrong)) == dict.fromkeys(wrong, ("sent", None, 1, 0))
    kept = await stored(world, len(wrong))
    assert {kind for _, kind in kept.values()} == {LOG_APPEND_TIME}
    assert all(abs(timestamp / 1000 - time.time()) < 300 for timestamp, _ in kept.values())
    assert TOLD not in worker.log.read_text()


async def test_a_backlog_is_late_where_the_broker_stamps_and_lapsed_jobs_are_produced_late(
    world: World, service: SimulatedPushService
):
    """Nobody is there to send until the message has lapsed: `not_after` makes that quick."""
    [one, other] = service.subscribe(2)
    soon = time.time() + 3
    await world.produce(job("in-time", [recipient("r", one)], not_after=_text(soon)))
    await until_seen(lambda: time.time() > soon + 0.1, "it has lapsed")
    await world.produce(job("too-late", [recipient("r", other)], not_after=_text(soon)))
    await world.start_worker(service)
    assert await became(world, 2) == {
        "in-time": ("lapsed", "late", 0, 0),
        "too-late": ("lapsed", "produced_late", 0, 0),
    }


async def test_topics_create_tells_of_an_older_topic_and_leaves_it(older: World):
    settings = KafkaSettings(kafka_bootstrap_servers=older.broker, topic_prefix=older.prefix)
    found = {
        each.name: each for each in await create_topics(settings, partitions=older.partitions, replicas=1)
    }
    said = found[f"{older.prefix}jobs"]
    assert not said.created
    assert "message.timestamp.type: is CreateTime, should be LogAppendTime" in said.differs
    assert not found[f"{older.prefix}jobs.urgent"].differs


def _text(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03}Z"


@pytest.fixture
async def service_of_older(older: World) -> AsyncIterator[SimulatedPushService]:
    async with older.push_service() as running:
        yield running
