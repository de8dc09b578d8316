"""What every Kafka client of a process shares: how to connect, what can go wrong, and how it stops."""

import asyncio
import ssl
from collections.abc import Awaitable
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from worker.config import KafkaSettings

log = structlog.get_logger(__name__)

ANSWER_LIMIT = 30.0
"""Seconds in which Kafka must acknowledge a checkpoint's records, and then its commit."""

STOP_LIMIT = 5.0


class KafkaUnreachableError(RuntimeError):
    """No broker answers, or none that lets this client in; the text says which and what to look at."""


class KafkaStuckError(RuntimeError):
    """Kafka did not acknowledge in time: nobody knows what it holds, so the process must start anew."""


class InstanceTakenError(KafkaStuckError):
    """Another process has this one's instance id; the text says which id and which setting."""


class PartitionsLostError(RuntimeError):
    """The partitions belong to somebody else now: nothing may be committed before the next assignment."""


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """What every Kafka client of this process is given."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "security_protocol": settings.kafka_security_protocol,
        "request_timeout_ms": 15_000,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = _tls(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return options


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
    if settings.kafka_ssl_certfile:
        context.load_cert_chain(settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile)
    return context


def unreachable(settings: KafkaSettings, error: Exception) -> KafkaUnreachableError:
    """Say in one line that Kafka cannot be used, and what to look at."""
    return KafkaUnreachableError(
        f"cannot use Kafka at {settings.kafka_bootstrap_servers} ({type(error).__name__}): is it running, "
        "and are PUSHMILL_KAFKA_BOOTSTRAP_SERVERS and PUSHMILL_KAFKA_SECURITY_PROTOCOL right?"
    )


async def within(seconds: float, stopping: Awaitable[None]) -> None:
    """Wait for something to stop, but never for long: aiokafka's own stops can hang."""
    try:
        await asyncio.wait_for(stopping, seconds)
    except (TimeoutError, KafkaError, OSError) as error:
        log.warning("a Kafka client did not stop in time", error=type(error).__name__)
