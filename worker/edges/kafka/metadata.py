"""What brokers tell their clients about topics, and whether a client could use those topics yet.

Always asks for all topics, never for some by name: a broker that has not heard of a topic may create it then,
with settings that nobody chose. Knows nothing of which topics there should be, or how.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

LEADERS_LIMIT = 60.0
"""Seconds that a cluster may take until all brokers know of new topics and their leaders."""

NO_BROKER = "no broker answers"
_POLL_SECONDS = 0.2
_NO_REPLICA, _UNCOMMITTED, _LATEST = -1, 0, -1
"""In a request for offsets: from a client, isolation level 0, the end of the log."""


class TopicsNotReadyError(RuntimeError):
    """Clients cannot use topics that exist; the message names the broker and what it lacks."""


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

    def led_by(self, node: int, topics: Iterable[str]) -> dict[str, list[int]]:
        """Return the partitions of some topics that a broker leads."""
        led = {
            name: [number for number, each in enumerate(self.topics[name]) if each.leader == node]
            for name in topics
        }
        return {name: numbers for name, numbers in led.items() if numbers}


async def metadata(admin: AIOKafkaAdminClient, node: int | None = None) -> Metadata:
    """Ask a broker, by default any, for all that it knows.

    Raises:
        KafkaError: It does not answer.
    """
    answer = await admin._send_request(MetadataRequest(None), node)  # noqa: SLF001 - has no public method
    return Metadata.of(answer.to_object())


async def wait_for_leaders(
    admin: AIOKafkaAdminClient, wanted: Mapping[str, int], limit: float = LEADERS_LIMIT
) -> None:
    """Wait until every broker knows a leader for every partition, and each of the leaders serves it.

    Clients of any broker go by what that one knows, and a broker may tell them that it leads a partition a
    moment before it does.

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
        raise TopicsNotReadyError(
            f"the topics exist, but cannot be used yet: after {limit:g} s {problem}; "
            "look at the brokers' logs, then try again"
        ) from None


async def _problem(admin: AIOKafkaAdminClient, wanted: Mapping[str, int]) -> str | None:
    client = _client(admin)
    await client.force_metadata_update()  # it connects to those brokers alone that it has heard of
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
        known = await metadata(admin, node)
        return known.obstacle(wanted) or await _unserved(admin, node, known.led_by(node, wanted))
    except (KafkaError, OSError) as error:
        return f"does not answer ({type(error).__name__})"


async def _unserved(admin: AIOKafkaAdminClient, node: int, led: Mapping[str, list[int]]) -> str | None:
    """Ask a leader for the ends of its partitions, and return which it does not serve yet."""
    asked = [(name, [(number, _LATEST) for number in numbers]) for name, numbers in led.items()]
    answer = await _client(admin).send(node, OffsetRequest(_NO_REPLICA, _UNCOMMITTED, asked))
    for name, partitions in answer.topics:
        for number, code, *_ in partitions:
            if for_code(code).retriable:  # any other error is not for more patience to mend
                return f"does not serve partition {number} of {name} yet"
    return None


def _client(admin: AIOKafkaAdminClient) -> Any:
    return admin._client  # noqa: SLF001 - the admin client itself asks a broker of its own choice
