"""Holding back the answers to requests beyond a limit, so that a flood waits instead of those beside it.

Decides how long, and how many at once. Whoever asks again as soon as it is answered asks once a second on
each of its connections; whoever heeds `Retry-After` notices nothing. Knows neither limits nor answers.
"""

import asyncio
from contextlib import suppress

HELD_SECONDS = 1.0
HELD_MAX = 1_000
"""Answers held back at once in a process: each keeps its connection's memory, some 30 KiB."""


class Holding:
    """The answers that are held back.

    Args:
        seconds: How long each is.
        most: How many at once; further ones are not held.
    """

    def __init__(self, seconds: float = HELD_SECONDS, most: int = HELD_MAX) -> None:
        self._seconds = seconds
        self._most = most
        self._held = 0
        self._over = asyncio.Event()

    async def hold(self) -> None:
        """Wait, unless too many do."""
        if self._held >= self._most:
            return
        self._held += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._over.wait()
        finally:
            self._held -= 1

    def end(self) -> None:
        """Let go of all, and hold no more."""
        self._over.set()
