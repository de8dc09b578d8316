"""Reads and small sends at a steady rate beside a launch that is written as fast as it can be.

Requests are made when their time has come, whether or not others have been answered; how long one takes
counts from that time. An empty route, a path that nobody has, is asked in the same turns: what it takes is
the machine's and the network's part.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import aiohttp

from benchmarks.campaigns.asking import ADAPTERS, Ask, Shop, mixed
from benchmarks.campaigns.cost import percentile
from benchmarks.campaigns.findings import Bound, Finding
from benchmarks.campaigns.surroundings import FEW, Surroundings

A_SECOND = 200
EMPTY_A_SECOND = 40
NOWHERE = "/v1/nothing"
NO_ANSWER = 0
"""Stands for the status of a request whose connection was refused or lost."""

REFUSED_WITHIN = -1
"""Stands for the status of a refusal inside an answer that is HTTP's 200."""

ALLOWED_MS = 50.0
EMPTY_TIMES = 4


class Answered(NamedTuple):
    """A status, and how long it took from when the request's time had come, in seconds."""

    status: int
    seconds: float

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


async def serving(around: Surroundings) -> list[Finding]:
    """Measure the 99th percentile: under 50 ms, or 4 times that of an empty route in the same turn."""
    big, few = await around.site(around.options.recipients), await around.site(FEW)
    asked, empty, refused = [], [], []
    async with around.service("api", "launcher") as service, around.customer(service, few) as customer:
        tokens = {kind: await around.key(few, kind) for kind in ADAPTERS}
        asks = await mixed(Shop(few, FEW, customer, tokens))
        for _ in range(around.options.turns):
            async with _launches(around, big):
                some, none = await _load(customer.session, asks, around.options.seconds)
            asked.append(1000 * percentile([each.seconds for each in some], 0.99))
            empty.append(1000 * percentile([each.seconds for each in none], 0.99))
            refused.append(sum(not each.is_ok for each in some))
    parts = [one / max(ALLOWED_MS, EMPTY_TIMES * other) for one, other in zip(asked, empty, strict=True)]
    return [
        Finding(f"{A_SECOND} requests a second, {', '.join(ADAPTERS)}", "ms, p99", asked),
        Finding("an empty route", "ms, p99", empty),
        Finding("the first, of 50 ms or 4 times the second", "times", parts, Bound(1.0)),
        Finding("requests that were refused, or failed", "a turn", refused, Bound(0)),
    ]


@asynccontextmanager
async def _launches(around: Surroundings, site: int) -> AsyncIterator[None]:
    """Let one launch after another be written while the block runs."""

    async def write() -> None:
        while True:
            await around.until_written(await around.launch(site))

    writing = asyncio.create_task(write())
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await around.cancel_launches()


async def _load(
    session: aiohttp.ClientSession, asks: Iterator[Ask], seconds: float
) -> tuple[list[Answered], list[Answered]]:
    """Make requests for so long; return how each was answered, and each to the empty route."""
    nothing = itertools.repeat(Ask("GET", NOWHERE))
    return await asyncio.gather(
        steady(session, asks, A_SECOND, seconds),
        steady(session, nothing, EMPTY_A_SECOND, seconds),
    )


async def steady(
    session: aiohttp.ClientSession, asks: Iterator[Ask], a_second: float, seconds: float
) -> list[Answered]:
    """Make so many requests a second, each when its time has come, and return how each was answered."""
    began = time.perf_counter()

    async def make(ask: Ask, due: float) -> Answered:
        status = NO_ANSWER
        with suppress(aiohttp.ClientError):
            headers = {"Authorization": ask.authorization} if ask.authorization else None
            async with session.request(ask.method, ask.path, json=ask.body, headers=headers) as answer:
                status = answer.status if ask.holds in await answer.read() else REFUSED_WITHIN
        return Answered(status, time.perf_counter() - due)

    async with asyncio.TaskGroup() as group:
        tasks = []
        for number in range(max(1, round(a_second * seconds))):
            due = began + number / a_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(group.create_task(make(next(asks), due)))
    return [task.result() for task in tasks]
