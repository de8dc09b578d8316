"""The right to send, held only while Kafka has recently confirmed that the partitions are still ours.

Decides from times alone; knows nothing of Kafka, or of what is sent.
"""

from math import inf

DURATION = 1.0
"""Seconds in which new requests may go out, counted from when an acknowledged commit was sent."""


class Lease:
    """A right that expires by itself, so that a frozen or forgotten worker sends nothing (decision 7).

    Times are seconds of a clock that never goes back and keeps running while the process is frozen.
    """

    def __init__(self) -> None:
        self._until = -inf
        self._ended = False

    def begin(self) -> None:
        """Let the next acknowledged commit grant the right: partitions have been assigned."""
        self._ended = False

    def renew(self, asked_at: float) -> None:
        """Extend the lease, unless it has ended: Kafka acknowledged a commit that was sent at `asked_at`."""
        if not self._ended:
            self._until = max(self._until, asked_at + DURATION)

    def end(self) -> None:
        """Give up the right: the partitions are going, or gone; later commits do not restore it."""
        self._until = -inf
        self._ended = True

    def holds(self, now: float) -> bool:
        """Return whether a request may go out at `now`."""
        return now < self._until
