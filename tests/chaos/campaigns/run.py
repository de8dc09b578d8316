"""A launch that is written while its launchers are killed, and what has become of it."""

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from campaigns.model.ids import Kind, spell
from tests.chaos.campaigns.cursors import FileCursors
from tests.chaos.campaigns.verdict import Verdict, judge
from tests.chaos.campaigns.writer import STEPS, subscriber
from tests.harness.worker_process import ROOT
from worker.config import KafkaSettings


class Launcher:
    """A writer in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def said(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what it says until its end."""
        assert self._process.stdout
        async for line in self._process.stdout:
            yield json.loads(line)

    async def until_written(self, count: int) -> None:
        """Wait until it has written so many more chunks, or has ended."""
        async for line in self.said():
            count -= "written" in line
            if count <= 0:
                return

    async def end(self) -> int:
        """Wait for its end, whatever it says until then, and return its exit status."""
        await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode

    async def kill(self) -> int:
        with suppress(ProcessLookupError):
            self._process.kill()
        return await self.end()


class LaunchRun:
    """One launch of `count` recipients on a broker; its launchers share a cursor.

    Attributes:
        killed: How many launchers were killed before they had written all that was left.
    """

    def __init__(self, settings: KafkaSettings, folder: Path, count: int, size: int) -> None:
        self._settings, self._file = settings, folder / "cursor.sqlite"
        self._count, self._size = count, size
        self._launchers: list[Launcher] = []
        self.killed = 0

    @property
    def written(self) -> int:
        """How many recipients have been written, as far as the cursor tells."""
        return FileCursors(self._file).newest().written

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for launcher in self._launchers:
            await launcher.kill()

    async def launcher(self, *more: str) -> Launcher:
        """Start one."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.campaigns.writer", self._settings.kafka_bootstrap_servers),
            *(self._settings.topic_prefix, str(self._file), str(self._count)),
            *("--size", str(self._size), *more),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        launcher = Launcher(process)
        self._launchers.append(launcher)
        return launcher

    async def finish(self) -> None:
        """Let a launcher write what is left."""
        assert await (await self.launcher()).end() == 0

    async def kill_at(self, step: str, chunk: int) -> None:
        """Let a launcher write until it dies at a step, or has nothing left to write."""
        status = await (await self.launcher("--die", step, "--at-chunk", str(chunk))).end()
        assert status in {0, -signal.SIGKILL}
        self.killed += status != 0

    async def kill_within(self, chunks: int, seconds: float) -> None:
        """Kill a launcher some time after it has written so many chunks."""
        launcher = await self.launcher()
        await launcher.until_written(chunks)
        await asyncio.sleep(seconds)
        self.killed += await launcher.kill() != 0

    async def verdict(self) -> Verdict:
        everybody = {spell(Kind.SUBSCRIBER, subscriber(n, self._count).id) for n in range(self._count)}
        return await judge(self._settings, everybody)


async def kill_often(run: LaunchRun, kills: int, dice: random.Random) -> None:
    """Kill launchers one after another: half of them at a step, half of them at any moment."""
    for number in range(kills):
        if number % 2:
            await run.kill_within(dice.randint(0, 3), dice.random() / 10)
        else:
            step = STEPS[number // 2 % len(STEPS)]
            await run.kill_at(step, 1 if step == "claimed" else dice.randint(1, 3))
