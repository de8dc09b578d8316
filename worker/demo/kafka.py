"""The demo's Kafka: the embedded broker, or one of the user's, with topics of the demo's own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from worker.config import KafkaSettings, load_kafka_settings
from worker.demo.broker import EmbeddedBroker
from worker.edges.kafka.client import connection
from worker.edges.kafka.topics import create_topics

PREFIX = "PUSHMILL_KAFKA_"
BROKERS = PREFIX + "BOOTSTRAP_SERVERS"
TOPIC_PREFIX = "PUSHMILL_TOPIC_PREFIX"
PARTITIONS = 6
POLL_SECONDS = 0.1
DELETE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Kafka:
    """A Kafka in which all topics exist.

    Attributes:
        name: What to call it on the console.
        environment: The variables by which any process reaches it.
        group: Consumer group of the workers.
    """

    name: str
    environment: Mapping[str, str]
    group: str

    @property
    def settings(self) -> KafkaSettings:
        """The same as `environment`, as settings for this process."""
        return load_kafka_settings(self.environment)


@asynccontextmanager
async def ready_kafka(environ: Mapping[str, str]) -> AsyncIterator[Kafka]:
    """Provide a Kafka with empty topics: that of `PUSHMILL_KAFKA_BOOTSTRAP_SERVERS`, or else an embedded one.

    Raises:
        BrokerError: The embedded broker cannot be used.
        KafkaUnreachableError: The other one does not answer.
        TopicsNotReadyError: The other one has the topics, but they cannot be used.
        ConfigError: A setting for the other one is invalid.
    """
    token = secrets.token_hex(4)
    group = f"pushmill-demo-{token}"
    if not environ.get(BROKERS):
        async with EmbeddedBroker() as broker:
            kafka = Kafka(f"embedded broker at {broker.address}", {BROKERS: broker.address}, group)
            await create_topics(kafka.settings, partitions=PARTITIONS)
            yield kafka
        return
    reached_by = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    prefix = f"push-demo-{token}."
    name = f"Kafka at {environ[BROKERS]}, topics {prefix}*"
    kafka = Kafka(name, {**reached_by, TOPIC_PREFIX: prefix}, group)
    try:
        await create_topics(kafka.settings, partitions=PARTITIONS)
        yield kafka
    finally:
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(DELETE_SECONDS):
                await _delete_topics(kafka.settings)


async def _delete_topics(settings: KafkaSettings) -> None:
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        topics = await admin.list_topics()
        await admin.delete_topics([name for name in topics if name.startswith(settings.topic_prefix)])
    finally:
        await admin.close()


async def group_is_whole(kafka: Kafka, members: int) -> None:
    """Wait until `members` members have joined the group and have their partitions."""
    admin = AIOKafkaAdminClient(**connection(kafka.settings))
    try:
        await admin.start()
        while await _stable_members(admin, kafka.group) < members:  # noqa: ASYNC110 - Kafka sends no event
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await admin.close()


async def _stable_members(admin: AIOKafkaAdminClient, group: str) -> int:
    try:
        [answer] = await admin.describe_consumer_groups([group])
    except KafkaError:
        return 0  # a new group has no coordinator yet
    _, _, state, _, _, members, *_ = answer.groups[0]
    return len(members) if state == "Stable" else 0
