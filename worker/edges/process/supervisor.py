"""Several processes as one: starts, restarts, queries and stops them together.

Each is a `pushmill run` with its own number, event loop and group membership, or another program's process.
This one only supervises them and serves the status port. Decides when to restart and when to give up. Knows
nothing of what they do.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Literal

import structlog

from worker.edges.process.child import Backoff, Child
from worker.edges.process.status import PREFIX, StatusServer
from worker.edges.process.totals import merge, render

log = structlog.get_logger(__name__)

STOP_MARGIN = 10.0
"""Seconds that a process has to leave the group and close connections, once its last checkpoint is over."""

DONE, FAILED, MISUSED = 0, 1, 2
"""Exit statuses."""

UNBEGUN = os.EX_UNAVAILABLE
"""Exit status of a process that could not start, and so has left nothing undone."""

Command = Callable[[int], Sequence[str]]


def process_count(wanted: int | Literal["auto"]) -> int:
    """Return how many processes `PUSHMILL_PROCESSES` means: `auto` is one for each core this one may use."""
    if wanted != "auto":
        return wanted
    cores = getattr(os, "sched_getaffinity", None)
    return len(cores(0)) if cores else os.cpu_count() or 1


def worker_command(number: int) -> Sequence[str]:
    """Return the command line of a worker process."""
    return (sys.executable, "-m", "worker.cli", "run", "--process", str(number))


class Supervisor:
    """All processes; `run` is their whole life.

    Args:
        count: How many processes to run.
        stop_limit: Seconds they have to exit before they are killed.
        command: Returns a process's command line; exit status 2 from it ends all of them with that status.
    """

    def __init__(self, count: int, *, stop_limit: float, command: Command = worker_command) -> None:
        self._children = [Child(number, command(number)) for number in range(count)]
        self._stop_limit = stop_limit
        self._stopping = asyncio.Event()
        self._misused = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> int:
        """Keep the processes running until `stop` is set, then stop them; return the exit status for all."""
        log.info("starting processes", processes=len(self._children))
        lives = [asyncio.create_task(self._keep(child)) for child in self._children]
        asked = [asyncio.create_task(event.wait()) for event in (stop, self._misused)]
        try:
            await asyncio.wait((*asked, *lives), return_when=asyncio.FIRST_COMPLETED)
            return await self._end(lives)
        finally:
            self._stopping.set()
            for child in self._children:
                child.signal(signal.SIGKILL)
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, *lives, return_exceptions=True)

    async def _keep(self, child: Child) -> int:
        """Run a process, restarting it whenever it ends; return its last exit status."""
        backoff = Backoff()
        while True:
            status = await _status_of(child)
            if status == MISUSED:
                self._misused.set()
            if self._stopping.is_set() or status == MISUSED:
                return status
            delay = backoff.after(child.uptime)
            log.error(
                "a process ended; restarting it",
                process=child.number,
                status=status,
                seconds=delay,
            )
            try:
                await asyncio.wait_for(self._stopping.wait(), delay)
            except TimeoutError:
                continue
            return DONE

    async def _end(self, lives: list[asyncio.Task[int]]) -> int:
        self._stopping.set()
        for child in self._children:
            child.stop()
        _, late = await asyncio.wait(lives, timeout=self._stop_limit)
        for child, life in zip(self._children, lives, strict=True):
            if life in late:
                log.error("a process did not stop in time; killing it", process=child.number)
                child.signal(signal.SIGKILL)
        statuses = await asyncio.gather(*lives)
        log.info("stopped", statuses=statuses)
        if MISUSED in statuses:
            return MISUSED
        # A process that SIGTERM killed had no signal handlers yet, so it had not begun any work.
        return DONE if {*statuses} <= {DONE, UNBEGUN, -signal.SIGTERM} else FAILED

    # ── status port ─────────────────────────────────────────────────────────────────────────────────────

    def status(self, host: str | None, port: int, *, prefix: str = PREFIX) -> StatusServer:
        """Make the status server for all processes together; its settings begin with `prefix`."""
        return StatusServer(
            host,
            port,
            ready=self.reason_unready,
            render=self.metrics,
            healthy=self.reason_unhealthy,
            prefix=prefix,
        )

    async def reason_unhealthy(self) -> str | None:
        """Return why `/healthz` answers 503, or None."""
        return _first(await asyncio.gather(*(child.reason_unhealthy() for child in self._children)))

    async def reason_unready(self) -> str | None:
        """Return why `/readyz` answers 503, or None."""
        if self._stopping.is_set():
            return "draining"
        return _first(await asyncio.gather(*(child.reason_unready() for child in self._children)))

    async def metrics(self) -> bytes:
        """Return the metrics of all processes together."""
        return render(merge(await asyncio.gather(*(child.metrics() for child in self._children))))


async def _status_of(child: Child) -> int:
    try:
        return await child.live()
    except OSError as error:
        log.warning("cannot start a process", process=child.number, error=str(error))
        return UNBEGUN


def _first(reasons: Sequence[str | None]) -> str | None:
    return next(filter(None, reasons), None)
