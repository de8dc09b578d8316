"""What the demo is played on: a folder with keys, a Kafka, push services and real workers."""

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
    """Something does not get anywhere; the text says what, and ends with logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of `pushmill demo`.

    Attributes:
        notifications: How many recipients there are.
        workers: Worker processes.
        seed: What is sent, and what goes wrong, follows from it.
        stretch: Seconds over which the campaign is spread; 0 where everything goes at once.
        keep: Whether the folder with keys and logs stays.
    """

    notifications: int = 20_000
    workers: int = 2
    seed: int = 0
    stretch: float = 0.0
    keep: bool = False

    @property
    def limit(self) -> float:
        """Seconds after which outcomes that have not come are given up."""
        return 120 + self.notifications / 200 + self.stretch


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs while the demo does.

    Attributes:
        folder: Keys, certificate and logs.
        keys: VAPID keys by name; sites' keys lie in the folder, too.
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
    def children(self) -> tuple[DemoProcess, ...]:
        """All processes that must not end by themselves."""
        return (self.services.child, *self.workers)

    def say(self, line: str) -> None:
        """Tell the user what has been reached."""
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
            StuckError: They do not.
        """
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await group_is_whole(self.kafka, len(self.workers))
        except TimeoutError:
            problem = f"the workers have not joined their group within {JOIN_SECONDS:g} s"
            raise StuckError(problem + "".join(self.last_words())) from None

    def last_words(self) -> Iterator[str]:
        """The end of each worker's log."""
        return (f"\nThe end of the log of {worker.name}:\n{worker.tail()}" for worker in self.workers)

    async def stop_workers(self) -> tuple[dict[str, int], float]:
        """Stop them, and return their exit statuses and the CPU time of all their lives in seconds."""
        before = _cpu_of_ended_children()
        statuses = await asyncio.gather(*(worker.stop(STOP_SECONDS) for worker in self.workers))
        exits = {worker.name: status for worker, status in zip(self.workers, statuses, strict=True)}
        return exits, _cpu_of_ended_children() - before


def _cpu_of_ended_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@asynccontextmanager
async def ready_stage(options: Options, console: Console) -> AsyncIterator[Stage]:
    """Set the stage, and clear it away at the end.

    Raises:
        ProcessDiedError: The push services ended by themselves.
        BrokerError: The embedded broker cannot be used.
        KafkaUnreachableError: The Kafka of the environment cannot.
        ConfigError: How to reach it is described wrongly.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder(console, keep=options.keep))
        keys = _write_keys(folder / "keys")
        kafka = await stack.enter_async_context(ready_kafka(os.environ))
        services = await stack.enter_async_context(PushServices(folder, options.seed))
        workers = tuple(_worker(number, folder, kafka, services) for number in range(1, options.workers + 1))
        for worker in workers:
            await stack.enter_async_context(worker)
        yield Stage(options, console, folder, keys, kafka, services, workers)


@contextmanager
def _folder(console: Console, *, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pushmill-demo-"))
    try:
        yield folder
    finally:
        if keep:
            console.print(f"Keys and logs are kept in {folder}", highlight=False, soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _write_keys(folder: Path) -> dict[str, VapidKey]:
    folder.mkdir()
    keys = {site.key: generate_vapid_key() for site in SITES}
    for name, key in keys.items():
        (folder / f"{name}.pem").write_bytes(key.to_pem())
    return {**keys, STRANGER: generate_vapid_key()}


def _worker(number: int, folder: Path, kafka: Kafka, services: PushServices) -> DemoProcess:
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
        # Push services, workers and broker share one machine here: more at once would only wait, up to the
        # request time-out where the machine is busy with other things, too.
        "PUSHMILL_MAX_IN_FLIGHT": "64",
        "PUSHMILL_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "worker.cli", "run"]
    return DemoProcess(f"worker {number}", command, environment, folder / f"worker-{number}.log")
