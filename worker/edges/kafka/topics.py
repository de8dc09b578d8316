"""Pushmill's topics in Kafka: creates what is missing, and examines what is there.

Decides nothing about what the topics should be: `worker/records/topics.py` does.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from worker.config import KafkaSettings
from worker.edges.kafka.client import connection, unreachable
from worker.records.topics import TOPICS, Topic


class MissingTopicsError(RuntimeError):
    """Kafka lacks topics that are needed; the text names them, and how to create them."""


@dataclass(frozen=True, slots=True)
class Found:
    """The state of a topic.

    Attributes:
        name: Its name, with the prefix.
        created: Whether it was missing and has been created.
        partitions: How many it has.
        differs: Settings with other values than they should have, as `name: is …, should be …`.
    """

    name: str
    created: bool
    partitions: int
    differs: tuple[str, ...] = ()


async def require_topics(settings: KafkaSettings, *needed: str) -> None:
    """Check that topics are there, before a client asks for them: brokers may create what is asked for.

    Args:
        settings: How to reach Kafka, and the prefix of all topics.
        needed: Names without the prefix; all that a worker needs if there are none.

    Raises:
        KafkaUnreachableError: No broker answers.
        MissingTopicsError: Kafka lacks some of them.
    """
    async with _admin(settings) as admin:
        there = set(await admin.list_topics())
    names = [settings.topic_prefix + name for name in needed or (topic.name for topic in TOPICS)]
    missing = [name for name in names if name not in there]
    if missing:
        raise MissingTopicsError(
            f"Kafka at {settings.kafka_bootstrap_servers} has no topic {', '.join(missing)}: "
            "create what is missing with `pushmill topics create`"
        )


async def create_topics(settings: KafkaSettings, *, partitions: int, replicas: int) -> list[Found]:
    """Create missing topics, and report how existing ones differ; never alters a topic that exists.

    Raises:
        KafkaUnreachableError: No broker answers.
        KafkaError: A topic cannot be created.
    """
    async with _admin(settings) as admin:
        there = set(await admin.list_topics())
        found = []
        for topic in TOPICS:
            name = settings.topic_prefix + topic.name
            if name in there:
                found.append(await _examine(admin, name, topic))
            else:
                await _create(admin, NewTopic(name, partitions, replicas, topic_configs=topic.config))
                found.append(Found(name, created=True, partitions=partitions))
        return found


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        yield admin
    except (KafkaConnectionError, OSError) as error:
        raise unreachable(settings, error) from error
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, topic: NewTopic) -> None:
    for name, code, *text in (await admin.create_topics([topic])).topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"{name}: {text[0] if text and text[0] else error.description}")


async def _examine(admin: AIOKafkaAdminClient, name: str, topic: Topic) -> Found:
    described = await admin.describe_topics([name])
    partitions = len(described[0]["partitions"]) if described else 0
    try:
        differs = tuple(_compare(topic, await _configuration(admin, name)))
    except KafkaError:
        differs = ("its settings cannot be read",)
    return Found(name, created=False, partitions=partitions, differs=differs)


def _compare(topic: Topic, found: dict[str, str]) -> Iterator[str]:
    for name, wanted in topic.config.items():
        value = found.get(name)
        if value is not None and set(value.split(",")) != set(wanted.split(",")):
            yield f"{name}: is {value}, should be {wanted}"


async def _configuration(admin: AIOKafkaAdminClient, name: str) -> dict[str, str]:
    answers: list[Any] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    return {
        entry[0]: entry[1] for answer in answers for resource in answer.resources for entry in resource[4]
    }
