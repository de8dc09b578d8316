"""Running `pushmill` as a user does: a process with arguments, an environment and an exit status."""

import asyncio
import sys
from collections.abc import Mapping
from typing import NamedTuple

from tests.harness.waiting import GENEROUS
from tests.harness.worker_process import ROOT, unset_environment


class Done(NamedTuple):
    """What a command left behind."""

    status: int | None
    out: str
    err: str


async def pushmill(*arguments: str, stdin: bytes = b"", **settings: str) -> Done:
    """Run a command to its end; `settings` are variables without `PUSHMILL_`."""
    process = await start_pushmill(*arguments, **settings)
    out, err = await asyncio.wait_for(process.communicate(stdin), GENEROUS)
    return Done(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


async def start_pushmill(*arguments: str, **settings: str) -> asyncio.subprocess.Process:
    """Start a command, with pipes."""
    environment = {f"PUSHMILL_{name}": value for name, value in settings.items()}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.cli", *arguments),
        env=unset_environment() | environment,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def kafka_of(broker: str, prefix: str) -> Mapping[str, str]:
    """Return the settings that lead a command to these topics."""
    return {"KAFKA_BOOTSTRAP_SERVERS": broker, "TOPIC_PREFIX": prefix}
