"""The real clocks and the real randomness; the core takes both as arguments. Decides nothing."""

import os
import random
import time
from struct import iter_unpack

from crypto.aes128gcm import SALT_LENGTH

now = time.time
"""Seconds since the epoch."""

monotonic = time.monotonic
"""Seconds on a clock that never goes back, and keeps running while the process is frozen."""

stopwatch = time.perf_counter
"""Seconds, for measuring durations."""

TIMER_SECONDS = 0.001
"""Resolution of uvloop's timers: one that fires slightly early wastes a turn."""


class SystemEntropy:
    """The operating system's randomness for salts; a plain generator for jitter."""

    def salts(self, count: int) -> list[bytes]:
        """Return 16 unpredictable bytes for each of `count` messages."""
        return [salt for (salt,) in iter_unpack(f"{SALT_LENGTH}s", os.urandom(SALT_LENGTH * count))]

    def jitter(self) -> float:
        """Return a float uniform in [0, 1)."""
        return random.random()  # noqa: S311 - spreads retries, protects no secret
