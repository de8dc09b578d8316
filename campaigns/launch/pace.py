"""When the next chunk of a launch may be written, and whose turn it is.

A chunk is written just in time: what is not written yet still hears of an opt-out, a pause or a cancellation,
and one huge launch does not stand in Kafka before a small one. Decides only when; knows neither what a chunk
holds nor how it is written. Times are seconds since the epoch.
"""

from collections import deque
from collections.abc import Mapping
from math import inf

from msgspec import Struct

LEAD_SECONDS = 600.0
"""A chunk that has times of its own is written so long before its first recipient is due: long enough for a
launcher's successor to take over, and for whatever stands before it in Kafka."""

AHEAD_SECONDS = 20.0
"""A launch without times of its own is written so far ahead of what the worker sends."""

AHEAD_LEAST = 20_000
AHEAD_MOST = 500_000
"""Bounds of what is written ahead, in recipients: a pace that is not known yet, and one that is enormous."""

PACE_SECONDS = 60.0
"""Over how long a pace is measured."""

LATE_SHARE = 20
"""One of so many recipients may be without an outcome for long (it waits for another attempt, or its outcome
was lost); the others are not held up for it."""


class Standing(Struct, frozen=True, kw_only=True):
    """How far a launch has come.

    Attributes:
        due: When the first recipient of the next chunk is due, all pauses so far included.
        timed: Whether its recipients have times of their own: by a stretch, or by their zones.
        written: Recipients that are in Kafka.
        settled: Recipients that have an outcome.
        pace: Outcomes a second over the last minute.
    """

    due: float
    timed: bool
    written: int
    settled: int
    pace: float


def ahead(pace: float) -> float:
    """Return how many recipients without an outcome are enough, at so many outcomes a second."""
    return min(max(AHEAD_SECONDS * pace, AHEAD_LEAST), AHEAD_MOST)


def may_write_at(standing: Standing) -> float:
    """Return when the next chunk may be written; infinity if only outcomes can make room for it."""
    if not standing.timed:
        open_recipients = standing.written - standing.settled
        if open_recipients >= ahead(standing.pace) + standing.written / LATE_SHARE:
            return inf
    return standing.due - LEAD_SECONDS


class Turns:
    """Hands out the turns of a slot's launches: a chunk each, by their numbers, round and round."""

    def __init__(self) -> None:
        self._last = -1

    def next(self, times: Mapping[int, float], now: float) -> int | None:
        """Return whose turn it is among those whose time has come; None if that is nobody.

        Args:
            times: By a launch's number, when it may write; a launch that is missing takes no turn.
            now: The time.
        """
        ready = [launch for launch, at in times.items() if at <= now]
        if not ready:
            return None
        self._last = min((launch for launch in ready if launch > self._last), default=min(ready))
        return self._last


class Pace:
    """Outcomes a second over the last minute, from looks at how many there are."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def look(self, settled: int, now: float) -> float:
        """Note how many recipients have an outcome, and return the pace; 0 at the first look."""
        self._looks.append((now, settled))
        while len(self._looks) > 2 and self._looks[1][0] <= now - PACE_SECONDS:
            self._looks.popleft()
        then, before = self._looks[0]
        return (settled - before) / (now - then) if now > then else 0.0
