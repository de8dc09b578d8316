"""Log events for operators: each problem is logged once, with its subject, and again when it is over."""

import asyncio
import json
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.upstream import Outcomes, campaign, job, moment, recipient
from tests.harness.waiting import until_seen
from tests.harness.worker_process import WorkerProcess
from tests.harness.world import World
from worker.pipeline.actionable import REFUSED
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.service import SimulatedPushService

pytestmark = pytest.mark.usefixtures("kafka")


def told(worker: WorkerProcess, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def people(service: SimulatedPushService, count: int) -> list[dict[str, Any]]:
    return [recipient(f"r{number}", each) for number, each in enumerate(service.subscribe(count))]


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning_and_that_is_counted_and_said(
    world: World, service: SimulatedPushService
):
    await world.commit("jobs", 1000)
    worker = await world.start_worker(service)
    await world.produce(job("j", people(service, 5)))
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(5)
    assert {each["status"] for [each] in found.values()} == {"sent"}
    topic = world.prefix + "jobs"
    assert worker.metric("pushmill_offset_resets_total", topic=topic) == world.partitions
    assert worker.metric("pushmill_offset_resets_total") == world.partitions
    lines = told(worker, "next offset is no longer in Kafka; resuming at the earliest record")
    assert {line["partition"] for line in lines} == set(range(world.partitions))
    assert {(line["topic"], line["offset"], line["level"]) for line in lines} == {(topic, 1000, "error")}


async def test_jobs_that_retention_removed_unread_are_counted_and_what_comes_after_them_is_sent(
    world: World, service: SimulatedPushService
):
    worker = await world.start_worker(service)
    subscriptions = iter(people(service, 100))
    for number in range(20):
        await world.produce(job(f"first-{number}", [next(subscriptions)]))
    async with Outcomes(world) as outcomes:
        await outcomes.of(20)
    assert await worker.terminate() == 0
    for number in range(20):
        await world.produce(job(f"lost-{number}", [next(subscriptions)]))
    await world.remove("jobs")
    await worker.start()
    await until_seen(lambda: worker.metric("pushmill_offset_resets_total") > 0, "it is counted")
    for number in range(20):
        await world.produce(job(f"last-{number}", [next(subscriptions)]))
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(40)
        await outcomes.drain()
    assert {name.partition("-")[0] for name, _ in found} == {"first", "last"}
    assert service.repeats() == 0


async def test_a_first_start_is_no_reset(world: World, service: SimulatedPushService):
    worker = await world.start_worker(service)
    await world.produce(job("j", people(service, 1)))
    async with Outcomes(world) as outcomes:
        await outcomes.of(1)
    assert worker.metric("pushmill_offset_resets_total") == 0
    [assigned] = told(worker, "partitions assigned")
    assert assigned["without_commit"] == assigned["partitions"] > 0


async def test_a_kafka_that_does_not_acknowledge_is_told_and_its_return_too(
    kafka: KafkaProxy, world: World, service: SimulatedPushService
):
    worker = await world.start_worker(service)
    await world.produce(job("j", people(service, 3), start_at=moment(time.time() + 12)))
    await until_seen(lambda: worker.metric("pushmill_buffered_recipients") == 3, "they wait in memory")
    await until_seen(lambda: worker.metric("pushmill_checkpoint_age_seconds") < 2, "checkpoints go on")
    async with kafka.frozen():
        await until_seen(lambda: worker.metric("pushmill_checkpoint_age_seconds") > 3, "it is counted")
    await until_seen(lambda: bool(told(worker, "checkpoints are acknowledged again")), "it is over")
    [line] = told(worker, "no checkpoint is being acknowledged; sending is suspended until one is")
    assert (line["open"], line["level"]) == (3, "warning")
    [slow] = told(worker, "a checkpoint was slow")
    assert slow["seconds"] > 2
    await until_seen(
        lambda: worker.metric("pushmill_checkpoint_age_seconds") == 0, "nothing is open any more"
    )


async def test_a_refused_identity_is_told_once_for_a_site_with_a_job_and_its_campaign(
    world: World, service: SimulatedPushService
):
    worker = await world.start_worker(service)
    subscriptions = service.subscribe(20)
    for subscription in subscriptions:
        service.script(subscription, (ScriptedAnswer(403),))
    await world.produce(*campaign(subscriptions, name="camp_7", site_id="shop"))
    async with Outcomes(world) as outcomes:
        await outcomes.of(20)
    assert await worker.terminate() == 0  # a checkpoint logs after its outcomes are read
    [line] = told(worker, REFUSED)
    assert (line["site"], line["job"], line["campaign"]) == ("shop", "camp_7-0", "camp_7")
    assert line["push_service"] == "other"
    assert "localhost" not in json.dumps(line)


async def test_a_broker_that_is_away_is_told_of_a_few_times_and_not_without_end(
    kafka: KafkaProxy, world: World, service: SimulatedPushService
):
    worker = await world.start_worker(service)
    before = len(worker.log.read_text().splitlines())
    async with kafka.down():
        await asyncio.sleep(8)  # enough for many attempts
        assert 0 < len(worker.log.read_text().splitlines()) - before < 40


async def control(world: World, *values: bytes) -> None:
    """Write control records, each with its own key."""
    async with AIOKafkaProducer(bootstrap_servers=world.broker) as producer:
        for number, value in enumerate(values):
            await producer.send_and_wait(world.prefix + "control", value, key=b"%d" % number)


def paused(name: str) -> bytes:
    return json.dumps({"v": 1, "campaign_id": name, "state": "paused", "at": moment(time.time())}).encode()


async def test_what_was_decided_long_ago_is_told_in_one_line_and_what_is_new_in_its_own(
    world: World, service: SimulatedPushService
):
    await control(world, *(paused(f"old-{number}") for number in range(30)), b"{", b"{")
    worker = await world.start_worker(service)
    await control(world, paused("new"))
    await until_seen(lambda: bool(told(worker, "campaign control")), "the new one is told")
    assert [line["campaign"] for line in told(worker, "campaign control")] == ["new"]
    assert [line["records"] for line in told(worker, "read the campaign controls")] == [30]
    assert len(told(worker, "skipping a control record that cannot be read")) == 1
