"""Waiting for events that announce themselves to nobody, by looking again and again."""

import asyncio
from collections.abc import Awaitable, Callable

GENEROUS = 60.0
"""Seconds that anything may take on the slowest machine."""


async def until(
    condition: Callable[[], object], what: str = "the condition holds", seconds: float = GENEROUS
) -> None:
    """Wait until something in this event loop is true, looking every few milliseconds.

    Raises:
        AssertionError: It has not become true in time.
    """

    async def look() -> object:
        return condition()

    await _poll(look, what, seconds, 0.005)


async def until_seen(condition: Callable[[], object], what: str, seconds: float = GENEROUS) -> None:
    """Wait until other processes show that something is true; `condition` may block.

    It runs in a thread: while a worker is asked, Kafka and the push service in this loop must answer it.

    Raises:
        AssertionError: It has not become true in time.
    """
    await _poll(lambda: asyncio.to_thread(condition), what, seconds, 0.05)


async def until_told(
    ask: Callable[[], Awaitable[object]], what: str = "the answer is yes", seconds: float = GENEROUS
) -> None:
    """Wait until somebody who has to be asked, and answers in this event loop, says that something is true.

    Raises:
        AssertionError: It has not become true in time.
    """
    await _poll(ask, what, seconds, 0.05)


async def _poll(look: Callable[[], Awaitable[object]], what: str, seconds: float, pause: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await look():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(pause)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None
