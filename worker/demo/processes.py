"""The processes that the demo starts: none outlives it, and none dies unnoticed."""

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
    """A process of the demo exited unexpectedly; the message ends with the last lines of its log."""


class DemoProcess:
    """One process, which logs its stderr to a file.

    Its stdin stays open for as long as this process lives, so that it can notice that we are gone.

    Args:
        name: What to call it in messages.
        command: Program and arguments.
        environment: Its whole environment.
        log: File for its stderr.
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
                env=dict(self._environment),  # uvloop accepts no other mapping
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C must reach only the demo, which stops its processes itself
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
            raise AssertionError("must be used inside `async with`")
        return self._process

    async def line(self) -> bytes:
        """Read the next line that it writes to stdout; empty at the end."""
        if self._running.stdout is None:
            raise AssertionError("stdout is a pipe")
        return await self._running.stdout.readline()

    async def ended(self) -> int:
        """Wait until it exits, and return its exit status; negative for the signal that killed it."""
        return await self._running.wait()

    async def stop(self, seconds: float) -> int:
        """Ask it to exit, and return its exit status; kill it if that takes longer than `seconds`."""
        with suppress(ProcessLookupError):
            self._running.terminate()
        try:
            return await asyncio.wait_for(self._running.wait(), seconds)
        except TimeoutError:
            self._running.kill()
            return await self._running.wait()

    def exit_message(self) -> str:
        """Say that it has exited, with the last lines of its log."""
        status = self._running.returncode
        return f"{self.name} exited unexpectedly with status {status}; its log ends with:\n{self.tail()}"

    def tail(self) -> str:
        """Return the last lines of its log."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


async def while_alive(processes: Iterable[DemoProcess], work: Coroutine[Any, Any, _Result]) -> _Result:
    """Do the work, unless one of the processes exits before it is done.

    Raises:
        ProcessDiedError: One of them has exited.
    """
    working = asyncio.create_task(work)
    exits = {asyncio.create_task(process.ended()): process for process in processes}
    try:
        await asyncio.wait((working, *exits), return_when=asyncio.FIRST_COMPLETED)
        dead = [process for exited, process in exits.items() if exited.done()]
        if dead:  # anything else that went wrong is a consequence
            raise ProcessDiedError("\n".join(process.exit_message() for process in dead))
        return await working
    finally:
        for task in (working, *exits):
            task.cancel()
        await asyncio.gather(working, *exits, return_exceptions=True)
