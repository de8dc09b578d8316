"""The clocks and the randomness of a real process; the core takes both as arguments."""

import os
import random
import time

from crypto.aes128gcm import SALT_LENGTH
from crypto.keys import EphemeralKey, generate_ephemeral_key

now = time.time
"""Seconds since the epoch."""

monotonic = time.monotonic
"""Seconds of a clock that never goes back, and counts while the process is frozen."""

stopwatch = time.perf_counter
"""Seconds, for durations."""


class SystemEntropy:
    """The operating system's randomness for keys and salts; a plain generator for jitter."""

    def salt(self) -> bytes:
        """16 unpredictable bytes."""
        return os.urandom(SALT_LENGTH)

    def ephemeral_key(self) -> EphemeralKey:
        """A new P-256 key pair."""
        return generate_ephemeral_key()

    def jitter(self) -> float:
        """Uniform in [0, 1)."""
        return random.random()  # noqa: S311 - spreads retries, keeps no secret
