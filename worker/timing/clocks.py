"""Whether a record's timestamp can be: it may be a producer's, and any clock may be wrong.

Decides from the timestamp and `now` alone; knows nothing of what is in the record.
"""

from datetime import UTC, datetime
from enum import StrEnum

EARLIEST = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
"""No job is older. Timestamps in seconds instead of milliseconds, 0 and -1 lie before this."""

AHEAD = 300.0
"""Seconds by which a clock may be fast. Timestamps in microseconds lie far beyond this."""


class WrongClock(StrEnum):
    """Why a timestamp cannot be, in words for the log."""

    PAST = "is before 2020"
    FUTURE = "is more than 5 minutes ahead"


def wrong_clock(timestamp: float, now: float) -> WrongClock | None:
    """Return why a timestamp cannot be, or None if it can; both are in seconds since the epoch."""
    if timestamp < EARLIEST:
        return WrongClock.PAST
    return WrongClock.FUTURE if timestamp > now + AHEAD else None
