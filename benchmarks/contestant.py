"""A contestant of `make bench`: runs in processes of its own, checked before their figures count."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import worker_run
from tests.harness.simulator import PushServiceClient, Subscriptions

Contestant = Callable[[PushServiceClient, int], Awaitable[dict[str, float]]]
"""Takes a push service and a number of pushes; returns CPU microseconds a push, by what was measured."""


class Unavailable(Exception):  # noqa: N818 - no error: a contestant that this machine cannot run
    """A contestant cannot take part here; the text says what is missing."""


def sender(module: str, name: str) -> Contestant:
    """Make a contestant of a sender in a module that is run as `benchmarks.senders` is."""

    async def run(service: PushServiceClient, count: int) -> dict[str, float]:
        async with subscribed(service, count) as subscriptions:
            task = {"ca": str(service.ca), "subscriptions": subscriptions}
            return {name: await child(module, name, task=task)}

    return run


def worker(
    name: str, case: worker_run.Case, label: str, start: worker_run.Start = worker_run.pushmill
) -> Contestant:
    """Make a contestant of a worker, whose memory has a line of its own.

    It sends as many pushes as the others, or `case.count` if that is more.
    """

    async def run(_service: PushServiceClient, count: int) -> dict[str, float]:
        result = await worker_run.run(replace(case, count=max(count, case.count)), start)
        if result.wrong or result.repeats:
            raise RuntimeError(
                f"{name}: {result.wrong} recipients without exactly one outcome, {result.repeats} repeats"
            )
        return {name: result.cpu, f"memory, MiB: {label}": result.rss}

    return run


@asynccontextmanager
async def subscribed(service: PushServiceClient, count: int) -> AsyncIterator[Subscriptions]:
    """Make subscriptions, each of which must get one push before the block ends.

    Raises:
        RuntimeError: Some got none, or more than one.
    """
    subscriptions = await asyncio.to_thread(service.subscribe, count)
    before = await asyncio.to_thread(lambda: service.stats["taken"])
    yield subscriptions
    taken, repeats = await asyncio.to_thread(lambda: (service.stats["taken"] - before, service.repeats))
    if taken != count or repeats:
        raise RuntimeError(f"{taken} of {count} pushes were accepted, {repeats} arrived more than once")


async def child(module: str, *arguments: str, task: object = None) -> Any:
    """Run a module to its end; return what it prints as JSON."""
    return json.loads(await output(sys.executable, "-m", module, *arguments, given=json.dumps(task).encode()))


async def output(*command: str, given: bytes, folder: Path | None = None) -> bytes:
    """Run a command to its end, in a folder, and return what it prints.

    Raises:
        RuntimeError: It failed; its own words are on our standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(given)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} exited with status {process.returncode}")
    return out
