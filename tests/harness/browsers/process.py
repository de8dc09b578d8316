"""A browser as a child process that leaves nothing behind."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from tests.harness.waiting import GENEROUS


@contextlib.asynccontextmanager
async def browser_process(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> AsyncIterator[None]:
    """Run a browser with a home of its own; at the end, end it and whatever it has started.

    Args:
        command: The program and its options.
        folder: Its home; its output goes to `browser.log` there.
        environment: Variables besides those of this process.
    """
    own = {"HOME": str(folder), "NO_AT_BRIDGE": "1", "XDG_RUNTIME_DIR": str(folder)}
    with (folder / "browser.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **own, **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GENEROUS / 4)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children that it left
