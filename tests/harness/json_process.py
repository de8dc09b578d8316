"""A Python module in a process of its own that writes lines of JSON and exits at the end of its stdin."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.harness.worker_process import ROOT

LINE_BYTES = 16 << 20
"""The longest line that it may write."""


class JsonProcess:
    """Our end of its pipes; one question at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asking = asyncio.Lock()

    async def ask(self, command: str) -> Any:
        """Send a line and return the answer."""
        assert self._process.stdin
        async with self._asking:
            self._process.stdin.write(command.encode() + b"\n")
            return await self.hear()

    async def hear(self) -> Any:
        """Read its next line."""
        assert self._process.stdout
        return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def json_process(module: str, *arguments: object) -> AsyncIterator[JsonProcess]:
    """Run a module until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *map(str, arguments)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    assert process.stdin
    try:
        yield JsonProcess(process)
    finally:
        process.stdin.close()
        await process.wait()
