import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.kafka.apache import ApacheKafka, ApacheKafkaError, cluster_id
from tests.harness.kafka.jars import VERSIONS
from tests.harness.waiting import GENEROUS

TOPIC = "jobs"
LOGIN = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": "ada"}

every_version = pytest.mark.parametrize("version", VERSIONS)


async def create(kafka: ApacheKafka, partitions: int = 3) -> None:
    """Create the topic, and wait until every broker knows of it and its leaders: Kafka itself does not."""
    async with asyncio.timeout(GENEROUS), administrating(kafka.address) as admin:
        # aiokafka refuses -1, which leaves the number of replicas to the broker, without assignments
        await admin.create_topics([NewTopic(TOPIC, partitions, -1, replica_assignments={})])
    for broker in kafka.brokers:
        async with asyncio.timeout(GENEROUS), administrating(broker.address) as admin:
            while len(await leaders(admin)) < partitions:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.05)


async def leaders(admin: AIOKafkaAdminClient) -> list[int]:
    [topic] = await admin.describe_topics([TOPIC])
    return [partition["leader"] for partition in topic["partitions"] if not partition["error_code"]]


@asynccontextmanager
async def administrating(address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def produce(address: str, *values: bytes, **how) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", **how)
    try:
        await producer.start()
        await asyncio.gather(*[await producer.send(TOPIC, value) for value in values])
    finally:
        await producer.stop()


async def consume(address: str, count: int, **how) -> set[bytes]:
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=address, auto_offset_reset="earliest", group_id="test", **how
    )
    try:
        await consumer.start()
        return {(await consumer.getone()).value for _ in range(count)}
    finally:
        await consumer.stop()


async def replicated(address: str) -> tuple[set[tuple[int, ...]], str]:
    """The brokers that hold the topic's partitions, and how many of them must have a record."""
    async with administrating(address) as admin:
        [topic] = await admin.describe_topics([TOPIC])
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC)])
    config = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    holders = {tuple(sorted(partition["replicas"])) for partition in topic["partitions"]}
    return holders, config.get("min.insync.replicas", "unheard of")  # by the broker that happened to answer


def command_line(pid: int) -> list[str]:
    """The arguments of a process, or none if there is no such process."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_text().split("\0") if path.exists() else []


@every_version
async def test_a_single_broker_keeps_its_records_and_its_port(apache_kafka, version):
    kafka = await apache_kafka(version=version)
    [broker] = kafka.brokers
    address = kafka.address
    await create(kafka)
    await produce(address, b"1")
    await broker.restart()
    await produce(address, b"2")
    await broker.restart(kill=True)
    assert (kafka.address, await consume(address, 2)) == (address, {b"1", b"2"})
    await broker.stop()
    with pytest.raises(KafkaConnectionError):
        await produce(address, b"3")


@every_version
async def test_a_cluster_outlives_any_one_of_its_brokers(apache_kafka, version):
    kafka = await apache_kafka(version=version, brokers=3)
    first, second, _ = kafka.brokers
    await create(kafka)
    async with asyncio.timeout(GENEROUS):  # any broker may be asked, and the last one hears of it last
        while await replicated(kafka.address) != ({(1, 2, 3)}, "2"):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.05)
    await first.kill()
    await produce(kafka.address, *(b"%d" % number for number in range(10)))
    await first.start()
    await second.kill()
    assert await consume(kafka.address, 10) == {b"%d" % number for number in range(10)}
    await second.start()


async def test_the_listener_for_clients_can_ask_for_a_login(apache_kafka):
    plain = "listener.name.client.plain.sasl.jaas.config"
    kafka = await apache_kafka(
        protocol="SASL_PLAINTEXT",
        properties={
            "sasl.enabled.mechanisms": "PLAIN",
            plain: 'org.apache.kafka.common.security.plain.PlainLoginModule required user_ada="secret";',
        },
    )
    await produce(kafka.address, b"1", **LOGIN, sasl_plain_password="secret")
    assert await consume(kafka.address, 1, **LOGIN, sasl_plain_password="secret") == {b"1"}
    with pytest.raises(KafkaConnectionError):
        await produce(kafka.address, b"2", **LOGIN, sasl_plain_password="wrong")


async def test_arguments_of_the_virtual_machine_come_last(apache_kafka):
    kafka = await apache_kafka(jvm=["-Xmx256m", "-Dany=thing"])
    command = command_line(kafka.brokers[0].pid)
    assert [each for each in command if each.startswith("-Xmx")][-1] == "-Xmx256m"
    assert command.index("-Dany=thing") < command.index("kafka.Kafka")


async def test_a_frozen_broker_answers_once_it_is_thawed(apache_kafka):
    kafka = await apache_kafka()
    [broker] = kafka.brokers
    await create(kafka)
    broker.freeze()
    with pytest.raises(KafkaConnectionError):
        await produce(kafka.address, b"1", request_timeout_ms=2000)
    broker.thaw()
    await produce(kafka.address, b"2")


async def test_one_that_cannot_start_shows_the_end_of_its_log(apache_kafka):
    with pytest.raises(
        ApacheKafkaError, match=r"(?s)storage cannot be formatted; .+broker\.log ends with:.+log\.roll\.ms"
    ):
        await apache_kafka(properties={"log.roll.ms": "soon"})


async def test_one_that_exits_at_its_start_does_so_too(apache_kafka):
    with pytest.raises(
        ApacheKafkaError, match=r"(?s)it has exited; .+broker\.log ends with:.+no\.such\.Metrics"
    ):
        await apache_kafka(properties={"metric.reporters": "no.such.Metrics"})


async def test_leaving_it_leaves_no_process(tmp_path, apache_kafka):
    kafka: ApacheKafka = await apache_kafka(brokers=2)
    pids = [broker.pid for broker in kafka.brokers]
    await kafka.close()
    assert [command_line(pid) for pid in pids] == [[], []]


@given(st.uuids() | st.integers(2**128 - 2**120, 2**128 - 1).map(lambda number: uuid.UUID(int=number)))
def test_a_clusters_id_is_no_option_of_the_tool_that_takes_it(number):
    made = cluster_id(number)
    assert len(made) == 22
    assert not made.startswith("-")
