"""Pushmill's topics in Kafka: creates what is missing, and examines what is there.

Decides nothing about what the topics should be: `worker/records/topics.py` does.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError, for_code

from worker.config import KafkaSettings
from worker.edges.kafka.admin import Admin
from worker.edges.kafka.client import AWAY, unreachable
from worker.edges.kafka.metadata import metadata, wait_for_leaders
from worker.records.topics import ALL_TOPICS, TOPICS, Topic

log = structlog.get_logger(__name__)

START_PATIENCE = 30.0
"""Seconds that a worker waits for topics that are missing when it starts: somebody may be creating them."""

_POLL_SECONDS = 0.5

CLUSTER_DEFAULT = -1
"""As a number of replicas: as many as the cluster gives to a topic by default (KIP-464, Kafka 2.4)."""


class MissingTopicsError(RuntimeError):
    """Kafka lacks topics that are needed; the text names them, and how to create them."""


@dataclass(frozen=True, slots=True)
class Found:
    """The state of a topic.

    Attributes:
        name: Its name, with the prefix.
        created: Whether it was missing and has been created.
        partitions: How many it has.
        differs: What is other than it should be, as `name: is …, should be …`.
    """

    name: str
    created: bool
    partitions: int
    differs: tuple[str, ...] = ()


async def require_topics(settings: KafkaSettings, *needed: str, patience: float = 0.0) -> None:
    """Check that topics are there, before a client asks for them: brokers may create what is asked for.

    Args:
        settings: How to reach Kafka, and the prefix of all topics.
        needed: Names without the prefix; all that a worker needs if there are none.
        patience: Seconds to wait for those that are missing.

    Raises:
        KafkaUnreachableError: No broker answers, or none tells its topics.
        MissingTopicsError: Kafka lacks some of them.
    """
    names = [settings.topic_prefix + name for name in needed or (topic.name for topic in TOPICS)]
    try:
        async with _admin(settings) as admin:
            missing = await _missing(admin, names)
            if missing and patience:
                log.warning("waiting for missing topics", topics=missing, seconds=patience)
                missing = await _still_missing(admin, missing, patience)
    except KafkaError as error:  # such as a broker that is too old: whatever it is, nothing can begin
        raise unreachable(settings, error) from error
    if missing:
        raise MissingTopicsError(
            f"Kafka at {settings.kafka_bootstrap_servers} has no topic {', '.join(missing)}: "
            "create what is missing with `pushmill topics create`"
        )


async def _missing(admin: AIOKafkaAdminClient, names: Sequence[str]) -> list[str]:
    there = (await metadata(admin)).topics
    return [name for name in names if name not in there]


async def _still_missing(admin: AIOKafkaAdminClient, missing: list[str], patience: float) -> list[str]:
    """Wait so many seconds for topics, at most; return those that are missing even then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while missing:
                await asyncio.sleep(_POLL_SECONDS)
                with suppress(KafkaError):  # a broker that restarts meanwhile
                    missing = await _missing(admin, missing)
    return missing


async def create_topics(
    settings: KafkaSettings, *, partitions: int, replicas: int | None = None
) -> list[Found]:
    """Create missing topics, wait until clients can use all, and report how those that existed differ.

    Never alters a topic that exists.

    Args:
        settings: How to reach Kafka, and the prefix of all topics.
        partitions: Of each topic that is created.
        replicas: Of each partition that is created; None leaves it to the cluster.

    Raises:
        KafkaUnreachableError: No broker answers.
        KafkaError: A topic cannot be created.
        TopicsNotReadyError: All exist, but some cannot be used.
    """
    topics = {settings.topic_prefix + topic.name: topic for topic in ALL_TOPICS}
    async with _admin(settings) as admin:
        there = (await metadata(admin)).topics
        missing = {name: topic for name, topic in topics.items() if name not in there}
        created = await _create(admin, missing, partitions, replicas)
        await wait_for_leaders(admin, {name: partitions if name in created else 1 for name in topics})
        now, default = await metadata(admin), await _default_replicas(admin)
        found = []
        for name, topic in topics.items():
            parts = now.topics[name]
            fewest = min(part.replicas for part in parts)
            differs = list(_compare_layout(len(parts), fewest, partitions, replicas, default))
            if name not in created:
                differs += await _compare_settings(admin, name, topic)
            found.append(Found(name, name in created, len(parts), tuple(differs)))
        return found


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = Admin(settings)
    try:
        await admin.start()
        yield admin
    except AWAY as error:
        raise unreachable(settings, error) from error
    finally:
        await admin.close()


# ── creating ────────────────────────────────────────────────────────────────────────────────────────────────


async def _create(
    admin: AIOKafkaAdminClient, topics: Mapping[str, Topic], partitions: int, replicas: int | None
) -> set[str]:
    """Create topics, and return the names of those that nobody else created meanwhile."""
    if not topics:
        return set()
    errors = await _try_to_create(admin, topics, partitions, replicas or CLUSTER_DEFAULT)
    if replicas is None and InvalidReplicationFactorError in map(type, errors.values()):
        default = await _default_replicas(admin)
        if default is not None:  # the broker does not know that -1 stands for it
            errors = await _try_to_create(admin, topics, partitions, default)
    for error in errors.values():
        if not isinstance(error, TopicAlreadyExistsError):
            raise error
    return topics.keys() - errors.keys()


async def _try_to_create(
    admin: AIOKafkaAdminClient, topics: Mapping[str, Topic], partitions: int, replicas: int
) -> dict[str, KafkaError]:
    """Ask for topics, and return what stands against each of those that were refused."""
    # aiokafka takes -1 only beside assignments, and sends none if they are empty.
    assignments: dict[int, list[int]] | None = {} if replicas == CLUSTER_DEFAULT else None
    new = [NewTopic(name, partitions, replicas, assignments, topic.config) for name, topic in topics.items()]
    return {
        name: for_code(code)(f"{name}: {text[0] if text and text[0] else for_code(code).description}")
        for name, code, *text in (await admin.create_topics(new)).topic_errors
        if code
    }


# ── comparing ───────────────────────────────────────────────────────────────────────────────────────────────


def _compare_layout(
    partitions: int, replicas: int, wanted: int, wanted_replicas: int | None, default: int | None
) -> Iterator[str]:
    """Compare with what was asked for; a number of replicas that was not asked for may only be too small."""
    if partitions < wanted:
        yield f"partitions: is {partitions}, should be {wanted}"
    if wanted_replicas is not None and replicas != wanted_replicas:
        yield f"replicas: is {replicas}, should be {wanted_replicas}"
    elif wanted_replicas is None and default is not None and replicas < default:
        yield f"replicas: is {replicas}, the cluster's default is {default}"


async def _compare_settings(admin: AIOKafkaAdminClient, name: str, topic: Topic) -> list[str]:
    try:
        found = await _configuration(admin, ConfigResource(ConfigResourceType.TOPIC, name))
    except KafkaError:
        return ["its settings cannot be read"]
    return [
        f"{key}: is {found[key]}, should be {wanted}"
        for key, wanted in topic.config.items()
        if key in found and set(found[key].split(",")) != set(wanted.split(","))
    ]


async def _default_replicas(admin: AIOKafkaAdminClient) -> int | None:
    """Return how many replicas the cluster gives to a partition by default; None if it does not say."""
    [node, *_] = (await metadata(admin)).brokers
    try:
        found = await _configuration(admin, ConfigResource(ConfigResourceType.BROKER, str(node)))
    except KafkaError:
        return None
    value = found.get("default.replication.factor") or ""
    return int(value) if value.isdigit() else None


async def _configuration(admin: AIOKafkaAdminClient, of: ConfigResource) -> dict[str, str]:
    """Return the settings of a topic or a broker.

    Raises:
        KafkaError: The broker does not answer, or does not tell this client.
    """
    answers: list[Any] = await admin.describe_configs([of])
    found: dict[str, str] = {}
    for code, text, _, _, entries in (resource for answer in answers for resource in answer.resources):
        if code:
            raise for_code(code)(text)
        found |= {entry[0]: entry[1] for entry in entries if entry[1] is not None}
    return found
