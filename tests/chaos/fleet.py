"""The workers of a run, and everything that is done to them; one that exits by itself is started again."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.chaos.schedule import Kind
from tests.harness.worker_process import WorkerProcess, free_port

READY_SECONDS = 30.0
DRAIN_SECONDS = 40.0
POLL_SECONDS = 0.2


class Worker:
    """One instance id of the group, and the process that has it now."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.environment = environment
        self._log = log
        self._started = 0
        self.process = self._new()
        self.is_busy = False

    def _new(self) -> WorkerProcess:
        name = f"{self._log.stem}-{self._started}"
        own = {
            # A new port: a process that is frozen or dying may still hold the last one.
            "PUSHMILL_STATUS_PORT": str(free_port()),
            "PUSHMILL_VAPID_SUBJECT": f"mailto:{name}@chaos.example",
            "PUSHMILL_KAFKA_SASL_USERNAME": name,
        }
        self._started += 1
        return WorkerProcess(self.environment | own, self._log)

    @property
    def name(self) -> str:
        """Name of the current process, as the push service and Kafka see it."""
        return self.process.environment["PUSHMILL_KAFKA_SASL_USERNAME"]

    async def start(self) -> None:
        """Start a process with this instance id and wait until it is ready; it may die before that."""
        self.process = process = self._new()
        await process.start(ready=False)
        await self.ready()

    async def ready(self) -> bool:
        """Wait until it is ready; return whether it is, before it exits or time runs out."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_SECONDS):
                while not self.process.ended:
                    if await asyncio.to_thread(self.process.status, "/readyz") == 200:
                        return True
                    await asyncio.sleep(POLL_SECONDS)
        return False


UNHEARD = -signal.SIGTERM
"""Exit status of a process that got SIGTERM before it handled signals, and so before it did anything."""


class Fleet:
    """All workers; `note` is called with each event, the process, and those that exit by themselves."""

    def __init__(self, environments: list[dict[str, str]], folder: Path, note: Callable[..., object]) -> None:
        self.workers = [
            Worker(environment, folder / f"worker-{number}.log")
            for number, environment in enumerate(environments)
        ]
        self.unclean: list[str] = []
        """Processes whose drain did not exit with status 0."""
        self._folder = folder
        self._note = note
        self._others: list[WorkerProcess] = []
        self._guests = 0

    async def start(self) -> None:
        await asyncio.gather(*(worker.start() for worker in self.workers))

    async def watch(self) -> None:
        """Restart processes that exit by themselves, until cancelled."""
        while True:
            for worker in self.workers:
                if worker.process.ended and not worker.is_busy:
                    self._note(Kind.EXIT, time.monotonic(), worker.name)
                    await worker.start()
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        for process in [*(worker.process for worker in self.workers), *self._others]:
            await process.kill()

    async def kill(self, worker: Worker) -> None:
        worker.is_busy = True
        self._note(Kind.KILL, time.monotonic(), worker.name)
        await worker.process.kill()
        await worker.start()
        worker.is_busy = False

    async def terminate(self, worker: Worker) -> None:
        worker.is_busy = True
        await self._drain(worker, Kind.TERM)
        await worker.start()
        worker.is_busy = False

    async def _drain(self, worker: Worker, kind: Kind) -> None:
        process = worker.process
        self._note(Kind.EXIT if process.ended else kind, time.monotonic(), worker.name)
        if process.ended:  # exited by itself a moment ago
            return
        process.signal(signal.SIGTERM)
        try:
            clean = await process.wait(DRAIN_SECONDS) in (0, UNHEARD)
        except TimeoutError:
            clean = False
            await process.kill()
        if not clean:
            self.unclean.append(worker.name)
            self._note(Kind.EXIT, time.monotonic(), worker.name)

    async def visit(self, environment: dict[str, str], seconds: float) -> None:
        """Let one more worker join, stay for a while and leave."""
        self._guests += 1
        guest = Worker(environment, self._folder / f"guest-{self._guests}.log")
        self._note(Kind.JOIN, time.monotonic(), guest.name)
        try:
            await guest.start()
            await asyncio.sleep(seconds)
            await self._drain(guest, Kind.LEAVE)
        finally:
            await guest.process.kill()

    async def pause(self, worker: Worker, kind: Kind, seconds: float) -> None:
        """Freeze and thaw a worker; no process is started in its place."""
        process, at, name = worker.process, time.monotonic(), worker.name
        with suppress(ProcessLookupError):
            process.freeze()
            await asyncio.sleep(seconds)
            process.thaw()
        thawed_at = time.monotonic()
        self._note(kind, at, name, thawed_at=thawed_at, over_at=thawed_at)
        await worker.ready()

    async def freeze(self, worker: Worker, seconds: float) -> None:
        """Freeze a process, start another with its instance id, and thaw it: one of the two must exit."""
        frozen, at, name = worker.process, time.monotonic(), worker.name
        worker.is_busy = True
        self._others.append(frozen)
        with suppress(ProcessLookupError):
            frozen.freeze()
        await worker.start()
        await asyncio.sleep(seconds)
        with suppress(ProcessLookupError):
            frozen.thaw()
        thawed_at, heir = time.monotonic(), worker.name
        await self._one_is_left(worker, frozen)
        over_at = time.monotonic()
        self._note(Kind.FREEZE, at, name, thawed_at=thawed_at, over_at=over_at)
        self._note(Kind.EVICT, thawed_at, heir, over_at=over_at)
        worker.is_busy = False
        await worker.ready()

    async def _one_is_left(self, worker: Worker, frozen: WorkerProcess) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_SECONDS):
                while not (frozen.ended or worker.process.ended):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(POLL_SECONDS)
        if not frozen.ended and worker.process.ended:
            frozen, worker.process = worker.process, frozen
        await frozen.kill()
