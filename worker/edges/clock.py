"""The clocks and the randomness of a real process; the core takes both as arguments."""

import os
import random
import time
from struct import iter_unpack

from crypto.aes128gcm import SALT_LENGTH
from crypto.keys import EphemeralKey, generate_ephemeral_keys

now = time.time
"""Seconds since the epoch."""

monotonic = time.monotonic
"""Seconds of a clock that never goes back, and counts while the process is frozen."""

stopwatch = time.perf_counter
"""Seconds, for durations."""

TIMER_SECONDS = 0.001
"""What uvloop rounds timers to: one that fires a little early costs a turn for nothing."""


class SystemEntropy:
    """The operating system's randomness for keys and salts; a plain generator for jitter."""

    def salts(self, count: int) -> list[bytes]:
        """16 unpredictable bytes for each of so many messages."""
        return [salt for (salt,) in iter_unpack(f"{SALT_LENGTH}s", os.urandom(SALT_LENGTH * count))]

    def ephemeral_keys(self, count: int) -> list[EphemeralKey]:
        """A new P-256 key pair for each of so many messages."""
        return generate_ephemeral_keys(count)

    def jitter(self) -> float:
        """Uniform in [0, 1)."""
        return random.random()  # noqa: S311 - spreads retries, keeps no secret
