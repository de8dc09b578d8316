"""What brokers tell their clients about topics, and whether a client could use those topics yet.

Always asks for all topics, never for some by name: a broker that has not heard of a topic may create it then,
with settings that nobody chose. Knows nothing of which topics there should be, or how.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

LEADERS_LIMIT = 60.0
"""Seconds that a cluster may take until all brokers know of new topics and their leaders."""

NO_BROKER = "no broker answers"
_POLL_SECONDS = 0.2


class TopicsNotReadyError(RuntimeError):
    """Clients cannot use topics that exist; the message names the broker, the topic and the partition."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition: the id of the broker that leads it, below 0 if none does, and on how many it is kept."""

    leader: int
    replicas: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """What one broker knows.

    Attributes:
        brokers: Id and address, as `host:port`, of each broker that is up.
        topics: The partitions of each topic.
    """

    brokers: dict[int, str]
    topics: dict[str, tuple[Partition, ...]]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Read the answer to a metadata request, in the form that aiokafka gives it."""
        return cls(
            {broker["node_id"]: f"{broker['host']}:{broker['port']}" for broker in answer["brokers"]},
            {
                topic["topic"]: tuple(
                    Partition(partition["leader"], len(partition["replicas"]))
                    for partition in sorted(topic["partitions"], key=lambda each: each["partition"])
                )
                for topic in answer["topics"]
                if not topic["error_code"]
            },
        )

    def obstacle(self, wanted: Mapping[str, int]) -> str | None:
        """Return the first reason why a client that asks this broker could not use the topics.

        Args:
            wanted: Each topic, and how many partitions it has at least.

        Returns:
            What is missing, to be read behind "the broker"; None if nothing is.
        """
        for name, count in wanted.items():
            if name not in self.topics:
                return f"does not know topic {name}"
            partitions = self.topics[name]
            if len(partitions) < count:
                return f"knows {len(partitions)} of {count} partitions of {name}"
            for number, partition in enumerate(partitions):
                if partition.leader not in self.brokers:
                    return f"knows no leader for partition {number} of {name}"
        return None


async def metadata(admin: AIOKafkaAdminClient, node: int | None = None) -> Metadata:
    """Ask a broker, by default any, for all that it knows.

    Raises:
        KafkaError: It does not answer.
    """
    client = admin._client  # noqa: SLF001 - the admin client itself asks a broker of its own choice
    target = client.get_random_node() if node is None else node
    return Metadata.of((await client.send(target, MetadataRequest(None))).to_object())


async def wait_for_leaders(
    admin: AIOKafkaAdminClient, wanted: Mapping[str, int], limit: float = LEADERS_LIMIT
) -> None:
    """Wait until every broker knows a leader for every partition: it is what clients of any of them go by.

    Args:
        admin: The client to ask with.
        wanted: Each topic, and how many partitions it has at least.
        limit: Seconds.

    Raises:
        TopicsNotReadyError: There was still an obstacle when the time was up.
    """
    problem: str | None = NO_BROKER
    try:
        async with asyncio.timeout(limit):
            while problem:
                problem = await _problem(admin, wanted)
                if problem:
                    await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise TopicsNotReadyError(f"after {limit:g} s {problem}") from None


async def _problem(admin: AIOKafkaAdminClient, wanted: Mapping[str, int]) -> str | None:
    client = admin._client  # noqa: SLF001 - it connects to those brokers alone that it has heard of
    await client.force_metadata_update()
    brokers = {broker.nodeId: f"{broker.host}:{broker.port}" for broker in client.cluster.brokers()}
    if not brokers:
        return NO_BROKER
    problems = await asyncio.gather(*(_problem_of(admin, node, wanted) for node in brokers))
    found = (
        f"broker {node} ({brokers[node]}) {what}"
        for node, what in zip(brokers, problems, strict=True)
        if what
    )
    return next(found, None)


async def _problem_of(admin: AIOKafkaAdminClient, node: int, wanted: Mapping[str, int]) -> str | None:
    try:
        return (await metadata(admin, node)).obstacle(wanted)
    except (KafkaError, OSError) as error:
        return f"does not answer ({type(error).__name__})"
