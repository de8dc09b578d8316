"""`pushmill demo`: the main job end to end on loopback, with real processes, checked to the last recipient.

    producer -> Kafka -> workers -> push services over TLS
                           |
           collector <- Kafka

Reads in the order in which things happen; `producer.py` has what is sent, `report.py` what is checked.
"""

import asyncio
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from aiokafka.errors import KafkaError
from rich.console import Console

from crypto.vapid import VapidKey, generate_vapid_key
from worker.demo.broker import BrokerError
from worker.demo.children import Child, ChildDiedError, while_alive
from worker.demo.collector import Collector
from worker.demo.display import Display
from worker.demo.evidence import Evidence
from worker.demo.kafka import Kafka, group_is_whole, ready_kafka
from worker.demo.producer import SITES, STRANGER, Production, address, draft, orders, write
from worker.demo.push_services import PushServices
from worker.demo.report import checks, render

DONE, FAILED = 0, 1
JOIN_SECONDS = 60.0
STOP_SECONDS = 30.0
CLOSING_SECONDS = 120.0
"""For what comes after the last outcome: stopping, reading to the end, comparing."""


class StuckError(RuntimeError):
    """Something does not get anywhere; the text says what, and ends with logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of `pushmill demo`; `keep` is whether the folder with keys and logs stays."""

    notifications: int = 20_000
    workers: int = 2
    seed: int = 0
    keep: bool = False

    @property
    def limit(self) -> float:
        """Seconds after which outcomes that have not come are given up."""
        return 120 + self.notifications / 200


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
    workers: tuple[Child, ...]

    def say(self, line: str) -> None:
        """Tell the user what has been reached."""
        self.console.print(line, highlight=False, soft_wrap=True)


def run(options: Options) -> int:
    """Run the demo, and return the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_until_interrupted(demonstrate(options, Console())))


async def _until_interrupted(work: Coroutine[Any, Any, bool]) -> int:
    """Do the work; what ends it early becomes one message, once everything is cleared away."""
    working = asyncio.create_task(work)
    with _cancelled_by_signals(working):
        try:
            return DONE if await working else FAILED
        except asyncio.CancelledError:
            _complain("interrupted; everything is stopped")
        except TimeoutError:
            _complain("not done in time; everything is stopped")
        except (BrokerError, ChildDiedError, StuckError, KafkaError, aiohttp.ClientError) as error:
            _complain(str(error) or type(error).__name__)
    return FAILED


@contextmanager
def _cancelled_by_signals(working: asyncio.Task[bool]) -> Iterator[None]:
    """Let the first signal cancel a task; further ones must not disturb it while it clears away."""
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def interrupt(number: int) -> None:
        if not received:
            working.cancel()
        received.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, interrupt, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            if received:  # an impatient Ctrl-C must not break off the interpreter's own end either
                signal.signal(number, signal.SIG_IGN)


def _complain(message: str) -> None:
    print(f"pushmill demo: {message}", file=sys.stderr)  # noqa: T201 - the command line's own voice


# ── the stage ───────────────────────────────────────────────────────────────────────────────────────────────


async def demonstrate(options: Options, console: Console) -> bool:
    """Set the stage, play, and close the account; returns whether everything was right.

    Raises:
        ChildDiedError: A worker or the push services ended by themselves.
        StuckError: The workers do not join.
        BrokerError: The embedded broker cannot be used.
        KafkaUnreachableError: The Kafka of the environment cannot.
        ConfigError: How to reach it is described wrongly.
        TimeoutError: Something hangs.
    """
    async with asyncio.timeout(options.limit + CLOSING_SECONDS), AsyncExitStack() as stack:
        folder = stack.enter_context(_folder(console, keep=options.keep))
        keys = _write_keys(folder / "keys")
        kafka = await stack.enter_async_context(ready_kafka(os.environ))
        services = await stack.enter_async_context(PushServices(folder, options.seed))
        workers = tuple(_worker(number, folder, kafka, services) for number in range(1, options.workers + 1))
        for worker in workers:
            await stack.enter_async_context(worker)
        stage = Stage(options, console, folder, keys, kafka, services, workers)
        collector = await stack.enter_async_context(Collector(kafka.settings))
        return await _play(stage, collector)


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


def _worker(number: int, folder: Path, kafka: Kafka, services: PushServices) -> Child:
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
        "PUSHMILL_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "worker.cli", "run"]
    return Child(f"worker {number}", command, environment, folder / f"worker-{number}.log")


# ── the play ────────────────────────────────────────────────────────────────────────────────────────────────


async def _play(stage: Stage, collector: Collector) -> bool:
    _introduce(stage)
    alive = [stage.services.child, *stage.workers]
    production, written_at = await while_alive(alive, _deliver(stage, collector))
    exits, cpu_seconds = await _stop_workers(stage.workers)
    await collector.finish()
    pushes = await stage.services.pushes()
    return _close(stage, Evidence(production, written_at, collector.received, pushes, exits, cpu_seconds))


def _introduce(stage: Stage) -> None:
    stage.say(stage.kafka.name)
    origins = ", ".join(f"{name} at {origin}" for name, origin in stage.services.origins.items())
    stage.say(f"simulated push services: {origins}")


async def _deliver(stage: Stage, collector: Collector) -> tuple[Production, dict[str, float]]:
    """Produce, and wait for all outcomes; gives up in time, so that the account can say what is missing."""
    total = stage.options.notifications
    deadline = asyncio.get_running_loop().time() + stage.options.limit
    production = await _produce(stage)
    await _join(stage)
    stage.say(
        f"workers that have joined: {len(stage.workers)}; records to write: {len(production.records):,}"
    )
    written_at = await write(stage.kafka.settings, production.records)
    with Display(stage.console, total) as display:
        while len(collector.received.outcomes) < total and asyncio.get_running_loop().time() < deadline:
            await collector.look()
            display.show(collector.received)
    return production, written_at


async def _produce(stage: Stage) -> Production:
    drafts = await asyncio.to_thread(draft, stage.options.notifications, stage.options.seed)
    subscriptions = {
        order: await stage.services.subscribe(order, count, stage.keys[order.key].public_text)
        for order, count in orders(drafts).items()
    }
    production = await asyncio.to_thread(address, drafts, subscriptions)
    await stage.services.script(production.scripts)
    return production


async def _join(stage: Stage) -> None:
    try:
        async with asyncio.timeout(JOIN_SECONDS):
            await group_is_whole(stage.kafka, len(stage.workers))
    except TimeoutError:
        problem = f"the workers have not joined their group within {JOIN_SECONDS:g} s"
        raise StuckError(problem + "".join(_last_words(stage.workers))) from None


def _last_words(workers: Iterable[Child]) -> Iterator[str]:
    return (f"\nThe end of the log of {worker.name}:\n{worker.tail()}" for worker in workers)


async def _stop_workers(workers: tuple[Child, ...]) -> tuple[dict[str, int], float]:
    """Stop them, and return their exit statuses and the CPU time of all their lives in seconds."""
    before = _cpu_of_ended_children()
    statuses = await asyncio.gather(*(worker.stop(STOP_SECONDS) for worker in workers))
    exits = {worker.name: status for worker, status in zip(workers, statuses, strict=True)}
    return exits, _cpu_of_ended_children() - before


def _cpu_of_ended_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _close(stage: Stage, evidence: Evidence) -> bool:
    verdicts = checks(evidence)
    stage.console.print(render(evidence, verdicts))
    if all(check.passed for check in verdicts):
        stage.say(f"\nAll {stage.options.notifications:,} recipients are accounted for.")
        return True
    for words in _last_words(stage.workers):
        stage.console.out(words, highlight=False)
    return False
