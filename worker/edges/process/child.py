"""One process as its supervisor sees it: starts, queries and stops it.

Decides when a process counts as hung and how long to wait before a restart. Knows nothing of what it does.
"""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress

from worker.edges import clock
from worker.edges.process.channel import METRICS, READINESS, GoneError, NoAnswerError, SupervisorEnd
from worker.edges.process.totals import Families, counted, merge, read

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
"""Seconds before a process that died is restarted: doubled each time, up to the longest."""

HEALTHY_SECONDS = 60.0
"""A process that ran at least this long did not die at start-up: the delay begins at the first one again."""

START_SECONDS = 30.0
"""Seconds that a new process may stay silent while it imports, connects and joins."""

ANSWER_SECONDS = 2.0


class Backoff:
    """How long to wait before a restart, given how long the process ran."""

    def __init__(self) -> None:
        self._next = FIRST_DELAY

    def after(self, uptime: float) -> float:
        """Return the seconds to wait after a process that ran for `uptime` seconds."""
        if uptime >= HEALTHY_SECONDS:
            self._next = FIRST_DELAY
        delay, self._next = self._next, min(self._next * 2, LONGEST_DELAY)
        return delay


class Child:
    """One process, across restarts."""

    def __init__(self, number: int, command: Sequence[str]) -> None:
        self.number = number
        self._command = command
        self._channel: SupervisorEnd | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._started_at = 0.0
        self._answered = False
        self._wanted = True
        self._present: Families = {}
        self._past: Families = {}

    async def live(self) -> int:
        """Start the process and wait for it to end; return its exit status, negative for a signal."""
        self._started_at, self._answered = clock.monotonic(), False
        self._channel = channel = SupervisorEnd()
        try:
            # In a session of its own: the supervisor passes a Ctrl-C on, once.
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command, stdin=channel.for_process.fileno(), start_new_session=True
            )
            if not self._wanted:
                self.signal(signal.SIGTERM)
            await channel.open()
            return await process.wait()
        finally:
            await channel.close()
            self._channel = self._process = None
            self._past, self._present = merge((self._past, counted(self._present))), {}

    @property
    def uptime(self) -> float:
        """Seconds since its last start."""
        return clock.monotonic() - self._started_at

    def stop(self) -> None:
        """Ask it to drain and exit, now or as soon as it has started."""
        self._wanted = False
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal if it is running."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def reason_unhealthy(self) -> str | None:
        """Return why it counts as hung, or None; one that is restarting or has just started does not."""
        if self._channel is None or (not self._answered and self.uptime < START_SECONDS):
            return None
        try:
            await self._ask(READINESS)
        except GoneError:
            return None  # it has died, and `live` is about to notice
        except NoAnswerError:
            return f"process {self.number} does not answer"
        return None

    async def reason_unready(self) -> str | None:
        """Return why it is not ready, or None."""
        try:
            reason = (await self._ask(READINESS)).decode()
        except NoAnswerError:
            return f"process {self.number} does not answer"
        return f"process {self.number}: {reason}" if reason else None

    async def metrics(self) -> Families:
        """Return its metrics, with totals from before a restart; the last known ones if it does not reply."""
        channel = self._channel
        with suppress(NoAnswerError):
            present = read((await self._ask(METRICS)).decode())
            if channel is self._channel:  # otherwise it died meanwhile, and its totals are already counted
                self._present = present
        return merge((self._past, self._present))

    async def _ask(self, request: bytes) -> bytes:
        if self._channel is None:
            raise NoAnswerError("the process is not running")
        reply = await self._channel.ask(request, ANSWER_SECONDS)
        self._answered = True
        return reply
