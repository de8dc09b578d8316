"""The right to send: held only as long as Kafka has lately said that the partitions are still ours."""

from math import inf

DURATION = 1.0
"""Seconds after the last acknowledged checkpoint in which new requests may go out."""


class Lease:
    """A right that runs out by itself, so that a frozen or forgotten worker sends nothing (decision 7).

    Times are seconds of a clock that never goes back and counts while the process is frozen.
    """

    def __init__(self) -> None:
        self._until = -inf
        self._ended = False

    def begin(self) -> None:
        """Let the next answer give the right: partitions have come."""
        self._ended = False

    def renew(self, asked_at: float) -> None:
        """Extend the lease, unless it has ended: Kafka answered a question that was asked at `asked_at`."""
        if not self._ended:
            self._until = max(self._until, asked_at + DURATION)

    def end(self) -> None:
        """Give the right up: the partitions go, or have gone; what is still committed brings it not back."""
        self._until = -inf
        self._ended = True

    def holds(self, now: float) -> bool:
        """Whether a request may go out at `now`."""
        return now < self._until
