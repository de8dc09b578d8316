"""Strangers and broken upstreams can fill the dead letters, and do no other harm."""

import json
import random

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.harness.upstream import Outcomes, Reader, job, recipient
from tests.harness.waiting import until_seen
from tests.harness.worker_process import memory_kib
from tests.harness.world import World
from worker.config import load_settings
from worker.edges.kafka.producer import RecordProducer
from worker.records.envelope import Publication
from worker.records.topics import DEAD_LETTERS
from worker.simulator.answers import Fault
from worker.simulator.faults import Faults, FaultShare

MALFORMED = 100_000
RECORD_MAX_BYTES = 1_048_588
"""The limit of brokers with their default configuration."""


def malformed(count: int) -> list[bytes]:
    """Return invalid jobs of many kinds."""
    dice = random.Random(7)
    whole = json.dumps(job("j", [{"id": "r"}])).encode()
    kinds = (
        lambda: whole[: dice.randrange(1, len(whole))],
        lambda: dice.randbytes(40),
        lambda: b"[" * dice.randrange(1, 2000),
        lambda: whole.replace(b'"v": 1', b'"v": %d' % dice.randrange(2, 99)),
        lambda: whole.replace(b'"j"', b'"../%d"' % dice.randrange(99)),
        lambda: b"{}",
    )
    return [dice.choice(kinds)() for _ in range(count)]


@pytest.mark.timeout(420)  # on a busy machine
async def test_a_hundred_thousand_malformed_jobs_hold_up_nobody_and_cost_no_memory(world: World, service):
    [subscription] = service.subscribe(1)
    records = malformed(MALFORMED)
    await world.produce(*records[: MALFORMED // 2])
    worker = await world.start_worker(service)

    def dead() -> float:
        return worker.metric("pushmill_dead_letters_total")

    await until_seen(lambda: dead() >= MALFORMED // 2, "the first half is dead", 120)
    half_way = memory_kib(worker.pid, "VmRSS")
    await world.produce(*records[MALFORMED // 2 :], job("good", [recipient("r", subscription)]))
    async with Outcomes(world) as outcomes, Reader(world, "dead-letters") as letters:
        assert (await outcomes.of(1, 120))["good", "r"][0]["status"] == "sent"
        await letters.read(lambda: len(letters.records) >= MALFORMED, "all are dead letters", 120)
        assert sorted(record.value for record in letters.records) == sorted(records)
        assert all(dict(record.headers)["error-code"] for record in letters.records)
    assert memory_kib(worker.pid, "VmRSS") < half_way * 1.3


async def test_records_at_the_size_limit_hold_up_nobody(world: World, service):
    [subscription] = service.subscribe(1)
    noise = random.Random(5).randbytes(RECORD_MAX_BYTES - 200)  # does not compress
    unused = {f"{n:05}": random.Random(n).random() for n in range(25_000)}
    large = json.dumps(
        job("large", [{"id": "r", "subscription": subscription.to_json(), "variables": unused}])
    ).encode()
    later = job("later", [recipient("r", subscription)], start_at="2999-01-01T00:00:00Z")
    later["notification"]["title"] = "{{name|" + "x" * 900_000 + "}}"
    await world.produce(noise, large, later)
    await world.produce(b"{", headers=[("own", noise)])
    await world.produce(job("good", [recipient("r", subscription)]))
    await world.start_worker(service)
    async with Outcomes(world) as outcomes, Reader(world, "dead-letters") as letters:
        found = await outcomes.of(3, 60)
        await letters.read(lambda: len(letters.records) >= 2, "both dead letters", 60)
    said = {job_id: (each["status"], each["detail"]) for (job_id, _), [each] in found.items()}
    assert said == {
        "large": ("invalid", "recipient_too_large"),
        "later": ("rejected", "payload_too_large"),
        "good": ("sent", None),
    }
    assert all(dict(record.headers)["error-code"] for record in letters.records)


async def test_a_dead_letter_that_its_topic_refuses_is_cut_and_the_producer_goes_on(broker: str):
    prefix = f"small-{random.randrange(1 << 30)}."
    settings = load_settings(
        {
            "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": broker,
            "PUSHMILL_TOPIC_PREFIX": prefix,
            "PUSHMILL_VAPID_DIR": "/tmp",
            "PUSHMILL_VAPID_SUBJECT": "mailto:test@pushmill.example",
        }
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(prefix + DEAD_LETTERS, 1, 1)])
    await admin.close()
    producer = RecordProducer(settings, "hostile")
    await producer.start()
    try:
        for size in (10, 1_500_000, 10, 3_000_000, 10):
            letter = Publication(
                DEAD_LETTERS, b"k", random.Random(5).randbytes(size), (("error-code", b"x"),)
            )
            await producer.publish([letter, letter])
    finally:
        await producer.stop()


async def test_no_secret_leaves_a_noisy_run(world: World):
    """With faults of every kind and debug logging, nothing logged, written or measured reveals a secret."""
    shares = [
        FaultShare(fault, 0.08) for fault in (Fault.RESET_EARLY, Fault.GARBAGE, Fault.FORBIDDEN, Fault.GONE)
    ]
    shares += [FaultShare(Fault.TOO_MANY, 0.1, retry_after=1), FaultShare(Fault.ENDLESS_BODY, 0.05)]
    async with world.push_service(faults=Faults(seed=3, shares=tuple(shares))) as service:
        subscriptions = service.subscribe(300)
        people = [recipient(f"r{number}", each) for number, each in enumerate(subscriptions)]
        people[0]["subscription"]["keys"]["p256dh"] += "AA"
        people[1]["subscription"]["endpoint"] = "https://user:hunter2@localhost/secret-path"
        people[2]["subscription"]["keys"]["auth"] = "c2hvcnQ-leaky-auth"
        text = {"title": "A very private title", "url": "https://shop.example/private-path"}
        worker = await world.start_worker(
            service, PUSHMILL_LOG_LEVEL="debug", PUSHMILL_MAX_ATTEMPTS="1", PUSHMILL_REQUEST_TIMEOUT="3"
        )
        await world.produce(
            *(job(f"j{n}", people[n : n + 50], notification=text) for n in range(0, 300, 50)),
            json.dumps(
                job("leak", [{"id": "r", "subscription": {"endpoint": 5}}], payload="x", ttl="hunter2")
            ).encode(),
        )
        async with Outcomes(world) as outcomes, Reader(world, "dead-letters") as letters:
            await outcomes.of(300)
            await letters.read(lambda: bool(letters.records), "the job that is none is a dead letter")
            said = [json.dumps(each) for each in outcomes.values]
            said += [value.decode() for record in letters.records for _, value in record.headers]
        said += [worker.get("/metrics")[1]]
        assert await worker.terminate() == 0
    said += [worker.log.read_text()]
    private = world.key.to_pem().decode().splitlines()[1]
    secrets = ["hunter2", "secret-path", "leaky-auth", "very private title", "private-path", private]
    for each in subscriptions:
        secrets += [each.token, each.receiver.auth_text, each.receiver.p256dh]
    printed = "\n".join(said)
    assert [secret for secret in secrets if secret in printed] == []
