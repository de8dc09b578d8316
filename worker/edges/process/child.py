"""One worker process, from its supervisor's side: started, asked and stopped."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress

from worker.edges import clock
from worker.edges.process.channel import METRICS, READINESS, GoneError, NoAnswerError, SupervisorEnd
from worker.edges.process.totals import Families, counted, merge, read

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
"""Seconds before a process that died is started again: doubled each time."""

HEALTHY_SECONDS = 60.0
"""A process that has lived so long is not held to have died at once."""

START_SECONDS = 30.0
"""In which a new process may be silent: it imports, connects and joins."""

ANSWER_SECONDS = 2.0


class Backoff:
    """How long to wait before the next start, by how long the last one lived."""

    def __init__(self) -> None:
        self._next = FIRST_DELAY

    def after(self, lived: float) -> float:
        """Seconds to wait after a process that lived so many."""
        if lived >= HEALTHY_SECONDS:
            self._next = FIRST_DELAY
        delay, self._next = self._next, min(self._next * 2, LONGEST_DELAY)
        return delay


class Child:
    """One worker process, over all its lives."""

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
        """Start it, and wait for its end; returns its exit status, negative for a signal."""
        self._started_at, self._answered = clock.monotonic(), False
        self._channel = channel = SupervisorEnd()
        try:
            # In a session of its own: a Ctrl-C is the supervisor's to pass on, once.
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
    def lived(self) -> float:
        """Seconds since its last start."""
        return clock.monotonic() - self._started_at

    def stop(self) -> None:
        """Ask it to drain and end, now or as soon as it has been started."""
        self._wanted = False
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def reason_unhealthy(self) -> str | None:
        """Why it counts as hung; not if it is away to be started again, or has only just been."""
        if self._channel is None or (not self._answered and self.lived < START_SECONDS):
            return None
        try:
            await self._ask(READINESS)
        except GoneError:
            return None  # it has died, and `live` is about to learn of it
        except NoAnswerError:
            return f"process {self.number} does not answer"
        return None

    async def reason_unready(self) -> str | None:
        """Why it is not ready."""
        try:
            reason = (await self._ask(READINESS)).decode()
        except NoAnswerError:
            return f"process {self.number} does not answer"
        return f"process {self.number}: {reason}" if reason else None

    async def metrics(self) -> Families:
        """What it counts, and counted in former lives; as last heard if it does not answer."""
        asked = self._channel
        with suppress(NoAnswerError):
            present = read((await self._ask(METRICS)).decode())
            if asked is self._channel:  # else it has died meanwhile, and its last life is counted already
                self._present = present
        return merge((self._past, self._present))

    async def _ask(self, question: bytes) -> bytes:
        if self._channel is None:
            raise NoAnswerError("the process does not run")
        answer = await self._channel.ask(question, ANSWER_SECONDS)
        self._answered = True
        return answer
