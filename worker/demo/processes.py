"""Processes that the demo starts: none outlives it, and none dies unnoticed."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

TAIL_LINES = 12
TAIL_BYTES = 16_384

_Result = TypeVar("_Result")


class ProcessDiedError(RuntimeError):
    """A process of the demo ended by itself; the text ends with the last lines of its log."""


class DemoProcess:
    """One process; what it says on stderr goes to a file.

    Its stdin stays open for as long as this process lives, so that it can notice our end.

    Args:
        name: For people.
        command: Program and arguments.
        environment: All of it.
        log: The file.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=dict(self._environment),  # uvloop takes no other mapping
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for the demo, which ends its processes itself
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running.returncode is None:
            with suppress(ProcessLookupError):
                self._running.kill()
            await self._running.wait()

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise AssertionError("is used inside `async with` alone")
        return self._process

    async def line(self) -> bytes:
        """The next line that it writes to stdout; empty at the end."""
        if self._running.stdout is None:
            raise AssertionError("stdout is a pipe")
        return await self._running.stdout.readline()

    async def ended(self) -> int:
        """Wait for its end, and return its exit status; negative for the signal that killed it."""
        return await self._running.wait()

    async def stop(self, seconds: float) -> int:
        """Ask it to end, and return its exit status; it is killed if that takes too long."""
        with suppress(ProcessLookupError):
            self._running.terminate()
        try:
            return await asyncio.wait_for(self._running.wait(), seconds)
        except TimeoutError:
            self._running.kill()
            return await self._running.wait()

    def obituary(self) -> str:
        """That it has ended, and its last words."""
        status = self._running.returncode
        return f"{self.name} ended by itself, with status {status}; the end of its log:\n{self.tail()}"

    def tail(self) -> str:
        """The last lines of its log."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


async def while_alive(children: Iterable[DemoProcess], work: Coroutine[Any, Any, _Result]) -> _Result:
    """Do the work, unless one of the children ends before it is done.

    Raises:
        ProcessDiedError: One has.
    """
    working = asyncio.create_task(work)
    deaths = {asyncio.create_task(child.ended()): child for child in children}
    try:
        await asyncio.wait((working, *deaths), return_when=asyncio.FIRST_COMPLETED)
        dead = [child for death, child in deaths.items() if death.done()]
        if dead:  # whatever else went wrong went wrong because of that
            raise ProcessDiedError("\n".join(child.obituary() for child in dead))
        return await working
    finally:
        for task in (working, *deaths):
            task.cancel()
        await asyncio.gather(working, *deaths, return_exceptions=True)
