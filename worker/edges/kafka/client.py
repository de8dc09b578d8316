"""What every Kafka client of a process shares: how to connect, what can go wrong, and how to stop.

Decides nothing about what is read or written.
"""

import asyncio
import ssl
from collections.abc import Awaitable
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from worker.config import KafkaSettings

log = structlog.get_logger(__name__)

ANSWER_LIMIT = 30.0
"""Seconds that Kafka has to acknowledge a checkpoint's records, and then again its commit."""

STOP_LIMIT = 5.0


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
    """Make the error that says in one line that Kafka cannot be used, and what to check."""
    return KafkaUnreachableError(
        f"cannot use Kafka at {settings.kafka_bootstrap_servers} ({type(error).__name__}): is it running, "
        "and are PUSHMILL_KAFKA_BOOTSTRAP_SERVERS and PUSHMILL_KAFKA_SECURITY_PROTOCOL right?"
    )


async def within(seconds: float, stopping: Awaitable[None]) -> None:
    """Wait for a client to stop, but never for long: aiokafka's own stops can hang."""
    try:
        await asyncio.wait_for(stopping, seconds)
    except (TimeoutError, KafkaError, OSError) as error:
        log.warning("a Kafka client did not stop in time", error=type(error).__name__)
