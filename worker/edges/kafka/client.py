"""What every Kafka client of a process shares: how to connect, what can go wrong, and how to stop.

Decides nothing about what is read or written.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

import structlog
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    RequestTimedOutError,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import TopicPartition

from worker.broker_settings import ignored
from worker.config import KafkaSettings
from worker.edges.kafka import connections
from worker.edges.kafka.failures import remedy, why
from worker.edges.kafka.login import login

log = structlog.get_logger(__name__)

START_LIMIT = 60.0
STOP_LIMIT = 5.0
AWAY = (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError, OSError)
"""What a client raises if no broker could be reached, not even after others were tried."""

DEFAULT_PORT = 9092
"""Where aiokafka connects to if a bootstrap server has no port."""

_MOST_REASONS = 3


class KafkaUnreachableError(RuntimeError):
    """No broker answers, or none lets this client in; the message says which one and what to check."""


class KafkaStuckError(RuntimeError):
    """Kafka did not acknowledge in time: nobody knows what it has stored, so the process must restart."""


class InstanceTakenError(KafkaStuckError):
    """Another process uses this one's instance id; the message names the id and the setting."""


class PartitionsLostError(RuntimeError):
    """The partitions belong to another process now: commit nothing before the next assignment."""


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Return the options that every Kafka client of this process gets."""
    connections.install()
    return login(settings) | {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "request_timeout_ms": 15_000,
    }


async def start(client: Any, settings: KafkaSettings) -> None:
    """Start a client of aiokafka, whose own starts may try without end.

    Raises:
        KafkaUnreachableError: No broker answers, or none lets this client in.
    """
    try:
        async with asyncio.timeout(START_LIMIT):
            await client.start()
    except (KafkaError, OSError) as error:
        raise unreachable(settings, error) from error


async def partitions_of(consumer: Any, topic: str) -> list[TopicPartition]:
    """Return a topic's partitions in order, for a consumer that has been started.

    Waits until a broker tells of them: a topic that none has heard of yet must not pass for an empty one.

    Raises:
        KafkaError: No broker tells of the topic.
    """
    numbers = await consumer._client._wait_on_metadata(topic)  # noqa: SLF001 - not public
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def mend_time_outs(client: Any) -> None:
    """Make an aiokafka client raise KafkaError alone for a request that is not answered in time.

    It closes the connection then, and raises KeyError if another request has already replaced it. That ends
    the background task that sent the request, and with it the producer or the consumer.
    """
    send = client.send

    async def send_or_time_out(node: int, request: Any, **options: Any) -> Any:
        try:
            return await send(node, request, **options)
        except KeyError as error:
            raise RequestTimedOutError from error

    client.send = send_or_time_out


def unreachable(settings: KafkaSettings, error: Exception) -> KafkaUnreachableError:
    """Make the error that says in one line why Kafka cannot be used, and what to check."""
    failures = dict(connections.failures) if isinstance(error, (*AWAY, UnknownTopicOrPartitionError)) else {}
    named = [server.strip() for server in settings.kafka_bootstrap_servers.split(",")]
    servers = {*named, *(f"{server}:{DEFAULT_PORT}" for server in named)}
    # If a broker has been reached, what it advertises is at fault, and not another that is away.
    advertised = {address: each for address, each in failures.items() if address not in servers}
    unused = f" (set but not used: {', '.join(ignored(settings))})" if ignored(settings) else ""
    return KafkaUnreachableError(
        f"cannot use Kafka at {settings.kafka_bootstrap_servers} "
        f"({_reasons(advertised or failures, error, advertised=bool(advertised))}): "
        f"{remedy(*failures.values(), advertised=bool(advertised))}{unused}"
    )


def _reasons(failures: Mapping[str, BaseException], error: Exception, *, advertised: bool) -> str:
    said = {address: why(each) for address, each in failures.items()}
    if advertised:
        return "; ".join(f"{address}, which it advertises: {text}" for address, text in _few(said))
    if len({*said.values()}) <= 1:
        return next(iter(said.values()), why(error))
    return "; ".join(f"{address}: {text}" for address, text in _few(said))


def _few(said: Mapping[str, str]) -> list[tuple[str, str]]:
    return list(said.items())[:_MOST_REASONS]


async def within(seconds: float, stopping: Awaitable[None]) -> None:
    """Wait for a client to stop, but never for long: aiokafka's own stops can hang.

    If a fetch has just failed, they end with the cancellation of aiokafka's own task, which is not ours.
    """
    task = asyncio.ensure_future(stopping)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    if not task.done():
        log.warning("a Kafka client did not stop in time", error=TimeoutError.__name__)
    elif not task.cancelled() and (error := task.exception()) is not None:
        if not isinstance(error, KafkaError | OSError):
            raise error
        log.warning("a Kafka client did not stop in time", error=type(error).__name__)
