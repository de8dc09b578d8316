"""Starts and cleans up what the demo needs: a folder with keys, a Kafka, push services and real workers."""

import asyncio
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from crypto.vapid import VapidKey, generate_vapid_key
from worker.demo.drafts import SITES, STRANGER, Draft, SubscriptionKind, kinds_needed
from worker.demo.kafka import Kafka, group_is_whole, ready_kafka
from worker.demo.processes import DemoProcess
from worker.demo.push_services import PushServices

JOIN_SECONDS = 60.0
STOP_SECONDS = 30.0


class StuckError(RuntimeError):
    """Something makes no progress; the message says what, and ends with logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of `pushmill demo`.

    Attributes:
        notifications: Number of recipients.
        workers: Number of worker processes.
        seed: Decides what is sent, and what goes wrong.
        stretch: Seconds over which the campaign is spread; 0 to send everything at once.
        keep: Whether to keep the folder with keys and logs.
    """

    notifications: int = 20_000
    workers: int = 2
    seed: int = 0
    stretch: float = 0.0
    keep: bool = False

    @property
    def limit(self) -> float:
        """Seconds after which to stop waiting for outcomes."""
        return 120 + self.notifications / 200 + self.stretch


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs during the demo.

    Attributes:
        folder: Holds keys, certificate and logs.
        keys: VAPID keys by name; those of sites are in the folder as well.
        workers: Real worker processes.
    """

    options: Options
    console: Console
    folder: Path
    keys: Mapping[str, VapidKey]
    kafka: Kafka
    services: PushServices
    workers: tuple[DemoProcess, ...]

    @property
    def processes(self) -> tuple[DemoProcess, ...]:
        """All processes that must not exit by themselves."""
        return (self.services.process, *self.workers)

    def say(self, line: str) -> None:
        """Print a line for the user."""
        self.console.print(line, highlight=False, soft_wrap=True)

    async def subscribe(self, drafts: Iterable[Draft]) -> dict[SubscriptionKind, Sequence[Mapping[str, Any]]]:
        """Make the subscriptions that the drafts need."""
        return {
            kind: await self.services.subscribe(kind, count, self.keys[kind.key].public_text)
            for kind, count in kinds_needed(drafts).items()
        }

    async def join(self) -> None:
        """Wait until all workers have joined their group.

        Raises:
            StuckError: They did not join in time.
        """
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await group_is_whole(self.kafka, len(self.workers))
        except TimeoutError:
            problem = f"the workers did not join their group within {JOIN_SECONDS:g} s"
            raise StuckError(problem + "".join(self.log_tails())) from None

    def log_tails(self) -> Iterator[str]:
        """Return the end of each worker's log."""
        return (f"\nThe log of {worker.name} ends with:\n{worker.tail()}" for worker in self.workers)

    async def stop_workers(self) -> tuple[dict[str, int], float]:
        """Stop the workers; return their exit statuses, and the seconds of CPU time that they used in all."""
        before = _cpu_of_ended_children()
        statuses = await asyncio.gather(*(worker.stop(STOP_SECONDS) for worker in self.workers))
        exits = {worker.name: status for worker, status in zip(self.workers, statuses, strict=True)}
        return exits, _cpu_of_ended_children() - before


def _cpu_of_ended_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@asynccontextmanager
async def ready_stage(options: Options, console: Console) -> AsyncIterator[Stage]:
    """Start everything, and clean it up at the end.

    Raises:
        ProcessDiedError: The push services exited unexpectedly.
        BrokerError: The embedded broker cannot be used.
        KafkaUnreachableError: The Kafka that the environment names does not answer.
        ConfigError: A setting for that Kafka is invalid.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(kept_folder(console, keep=options.keep))
        keys = _write_keys(folder / "keys")
        kafka = await stack.enter_async_context(ready_kafka(os.environ))
        services = await stack.enter_async_context(PushServices(folder, options.seed))
        workers = tuple(
            worker_process(number, folder, kafka, services) for number in range(1, options.workers + 1)
        )
        for worker in workers:
            await stack.enter_async_context(worker)
        yield Stage(options, console, folder, keys, kafka, services, workers)


@contextmanager
def kept_folder(console: Console, *, keep: bool) -> Iterator[Path]:
    """Make a folder for keys and logs; remove it at the end, or say where it is."""
    folder = Path(tempfile.mkdtemp(prefix="pushmill-demo-"))
    try:
        yield folder
    finally:
        if keep:
            console.print(f"Keys and logs are in {folder}", highlight=False, soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _write_keys(folder: Path) -> dict[str, VapidKey]:
    folder.mkdir()
    keys = {site.key: generate_vapid_key() for site in SITES}
    for name, key in keys.items():
        (folder / f"{name}.pem").write_bytes(key.to_pem())
    return {**keys, STRANGER: generate_vapid_key()}


def worker_process(number: int, folder: Path, kafka: Kafka, services: PushServices) -> DemoProcess:
    """Make a worker that finds its keys in the folder's `keys`; it runs once it is entered."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PUSHMILL_")}
    environment = {
        **inherited,
        **kafka.environment,
        "PUSHMILL_GROUP_ID": kafka.group,
        "PUSHMILL_INSTANCE_ID": f"demo-{number}",
        "PUSHMILL_VAPID_DIR": str(folder / "keys"),
        "PUSHMILL_VAPID_SUBJECT": "mailto:demo@pushmill.example",
        "PUSHMILL_ENDPOINT_HOSTS": services.hosts,
        "PUSHMILL_ALLOW_PRIVATE_ENDPOINTS": "true",
        "PUSHMILL_CA_FILE": str(services.ca_file),
        "PUSHMILL_STATUS_HOST": "127.0.0.1",
        "PUSHMILL_STATUS_PORT": "0",
        # Push services, workers and broker share one machine here. More requests at once would only wait, and
        # run into the request time-out when the machine is busy with other work.
        "PUSHMILL_MAX_IN_FLIGHT": "64",
        "PUSHMILL_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "worker.cli", "run"]
    return DemoProcess(f"worker {number}", command, environment, folder / f"worker-{number}.log")
