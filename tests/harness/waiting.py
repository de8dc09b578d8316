"""Waiting for what happens in the same loop, and says nothing when it does."""

import asyncio
from collections.abc import Callable

GENEROUS = 30.0
"""Seconds in which it must have happened, on the slowest machine."""


async def until(condition: Callable[[], object]) -> None:
    """Look again and again, in every turn of a few milliseconds."""
    async with asyncio.timeout(GENEROUS):
        while not condition():  # noqa: ASYNC110 - what is waited for offers no event, and should not
            await asyncio.sleep(0.005)
