"""`pushmill topics create`, and `pushmill run` with topics that are missing, created, or being created."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.harness.kafka.jars import VERSIONS
from tests.harness.waiting import until_seen
from tests.harness.worker_process import ROOT, WorkerProcess, unset_environment
from tests.harness.world import World
from worker.config import KafkaSettings
from worker.edges.kafka.metadata import TopicsNotReadyError, wait_for_leaders
from worker.edges.kafka.topics import create_topics
from worker.records.topics import ALL_TOPICS, TOPICS

IMPATIENT = "from worker.edges.kafka import topics; topics.START_PATIENCE = 3.0"
"""Set before the module that uses it imports it."""

PREFIX = "new."
NAMES = {PREFIX + topic.name for topic in ALL_TOPICS}


async def topics_create(broker: str, *options: str, prefix: str = PREFIX) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.cli", "topics", "create", *options),
        env=unset_environment()
        | {"PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": broker, "PUSHMILL_TOPIC_PREFIX": prefix},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), error.decode()


async def layouts(broker: str, prefix: str) -> dict[str, tuple[int, frozenset[int]]]:
    """Partitions, and numbers of replicas, of each topic, as one broker tells them; none without a leader."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    try:
        await admin.start()
        topics = await admin.describe_topics()
    finally:
        await admin.close()
    found = {topic["topic"]: topic["partitions"] for topic in topics if topic["topic"].startswith(prefix)}
    assert all(each["leader"] >= 0 for partitions in found.values() for each in partitions)
    return {
        name: (len(each), frozenset(len(one["replicas"]) for one in each)) for name, each in found.items()
    }


# ── topics create ───────────────────────────────────────────────────────────────────────────────────────────


async def test_missing_topics_are_created_and_existing_ones_compared(broker: str):
    prefix = "compared."
    status, output, _ = await topics_create(broker, "--partitions", "3", prefix=prefix)
    assert (status, output.count("created ")) == (0, len(ALL_TOPICS))
    assert set((await layouts(broker, prefix)).values()) == {(3, frozenset({1}))}
    status, output, _ = await topics_create(broker, "--partitions", "5", "--replicas", "2", prefix=prefix)
    assert (status, output.count("exists ")) == (0, len(ALL_TOPICS))
    assert output.count("partitions: is 3, should be 5") == len(ALL_TOPICS)
    assert output.count("replicas: is 1, should be 2") == len(ALL_TOPICS)
    assert set((await layouts(broker, prefix)).values()) == {(3, frozenset({1}))}


async def test_more_replicas_than_brokers_are_refused_in_one_line(broker: str):
    status, output, error = await topics_create(broker, "--replicas", "99", prefix="refused.")
    assert (status, output, error.count("\n")) == (1, "", 1)
    assert error.startswith("pushmill: cannot create a topic: ")
    assert "refused." in error


@pytest.mark.parametrize("version", VERSIONS)
async def test_once_it_returns_every_broker_leads_clients_to_every_partition(apache_kafka, version: str):
    kafka = await apache_kafka(version=version, brokers=3)
    status, output, error = await topics_create(kafka.address, "--partitions", "40")
    found = [await layouts(broker.address, PREFIX) for broker in kafka.brokers]
    assert (status, output.count("created "), error) == (0, len(ALL_TOPICS), "")
    for each in found:
        assert each == dict.fromkeys(NAMES, (40, {3}))


async def test_every_broker_is_asked_not_just_one(apache_kafka):
    kafka = await apache_kafka(brokers=3, properties={"broker.session.timeout.ms": "600000"})
    silent = kafka.brokers[2]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers[0].address, request_timeout_ms=1000)
    try:
        await admin.start()
        await create_topics(KafkaSettings(kafka_bootstrap_servers=kafka.address), partitions=1)
        silent.freeze()
        with pytest.raises(TopicsNotReadyError, match=rf"broker 3 \({silent.address}\) does not answer"):
            await wait_for_leaders(admin, {"push.jobs": 1}, limit=10)
        silent.thaw()
        await wait_for_leaders(admin, {"push.jobs": 1})
    finally:
        await admin.close()


# ── run ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def without_topics(world: World) -> AsyncIterator[WorkerProcess]:
    """A worker whose topics nobody has created."""
    environment = world.environment([], 0, PUSHMILL_TOPIC_PREFIX=world.prefix + PREFIX)
    worker = WorkerProcess(environment, world.folder / "worker.log")
    world.workers.append(worker)
    await worker.start(ready=False)
    await until_seen(lambda: waits(worker), "it waits for its topics")
    yield worker
    assert "Traceback" not in log_of(worker)


def log_of(worker: WorkerProcess) -> str:
    return worker.log.read_text()


def waits(worker: WorkerProcess) -> list[list[str]]:
    """The topics that it says it waits for, each time."""
    return [line["topics"] for line in lines_of(worker) if line["event"] == "waiting for missing topics"]


def lines_of(worker: WorkerProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_of(worker).splitlines() if line.startswith("{")]


@pytest.mark.apache_kafka
async def test_a_worker_waits_until_its_topics_are_there(world: World, without_topics: WorkerProcess):
    prefix = world.prefix + PREFIX
    assert (await topics_create(world.broker, "--partitions", "2", prefix=prefix))[0] == 0
    await until_seen(lambda: without_topics.status("/readyz") == 200, "it works")
    [topics] = waits(without_topics)
    assert set(topics) == {prefix + topic.name for topic in TOPICS}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_wait_as_a_clean_stop(without_topics: WorkerProcess, how: signal.Signals):
    without_topics.signal(how)
    assert await without_topics.wait() == 0


@pytest.mark.apache_kafka
async def test_in_the_end_it_says_what_is_missing_and_has_created_nothing(world: World, tmp_path: Path):
    """This broker would create any topic that a client asks for by name."""
    prefix = world.prefix + "nobody."
    environment = world.environment([], 0, PUSHMILL_TOPIC_PREFIX=prefix)
    worker = WorkerProcess(environment, tmp_path / "impatient.log", IMPATIENT)
    world.workers.append(worker)
    await worker.start(ready=False)
    assert await worker.wait() == 1
    assert f"has no topic {prefix}jobs, " in log_of(worker)
    assert "create what is missing with `pushmill topics create`" in log_of(worker)
    assert "Traceback" not in log_of(worker)
    assert await layouts(world.broker, prefix) == {}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_first_start_right_behind_the_creation_has_nothing_to_complain_of(
    apache_kafka, tmp_path: Path, version: str
):
    kafka = await apache_kafka(version=version)
    async with World(kafka.address, tmp_path) as world:
        prefix = world.prefix + PREFIX
        assert (await topics_create(kafka.address, "--partitions", "12", prefix=prefix))[0] == 0
        worker = WorkerProcess(
            world.environment([], 0, PUSHMILL_TOPIC_PREFIX=prefix), tmp_path / "behind.log"
        )
        world.workers.append(worker)
        await worker.start()
        assert await worker.terminate() == 0
        assert {line["level"] for line in lines_of(worker)} == {"info"}, log_of(worker)
