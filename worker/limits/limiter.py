"""How many requests each push service gets at once: additive increase, multiplicative decrease.

Decides on numbers alone: knows neither requests nor answers, nor what waits (decision 9).
"""

from dataclasses import dataclass
from math import ceil

from worker.records.job import Lane

SHARE = 0.75
"""Largest share of the slots that one push service gets, so that a slow one leaves room for the others."""

URGENT_SHARE = 0.9
"""Largest share of the slots that the urgent lane gets while the normal lane waits."""

FLOOR = 4
DECREASE = 0.7
COOL_DOWN = 1.0
"""Seconds after a decrease in which further trouble counts as the same."""

SHARES_KEPT = 4096
"""Push services whose limit is remembered; records may name any number of unknown hosts."""


@dataclass(slots=True)
class _Share:
    limit: float
    in_flight: int = 0
    decreased_at: float = float("-inf")


class Limiter:
    """The slots of one process, and how many of them each push service may hold.

    Attributes:
        in_flight: Slots held.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._ceiling = max(1.0, slots * SHARE)
        self._floor = min(float(FLOOR), self._ceiling)
        self._urgent_most = max(1.0, slots * URGENT_SHARE)
        self._shares: dict[str, _Share] = {}
        self._urgent = 0
        self.in_flight = 0

    @property
    def free(self) -> int:
        """Slots that are not held."""
        return self._slots - self.in_flight

    @property
    def ceiling(self) -> int:
        """The highest limit that a push service can have."""
        return int(self._ceiling)

    def room(self, key: str, lane: Lane, *, others_wait: bool) -> int:
        """Return how many more requests of a lane a push service may have.

        Args:
            key: `Origin.key` of the push service.
            lane: The lane of the requests.
            others_wait: Whether the normal lane has deliveries that are due.
        """
        room = self._slots - self.in_flight
        if lane is Lane.URGENT and others_wait:
            room = min(room, ceil(self._urgent_most - self._urgent))
        share = self._shares.get(key)
        mine = int(self._ceiling) if share is None else int(share.limit) - share.in_flight
        return max(0, min(room, mine))

    def take(self, key: str, lane: Lane, slots: int = 1) -> None:
        """Hold slots; `release` gives them back, one by one if need be."""
        share = self._shares.get(key)
        if share is None:
            self._forget_idle()
            share = self._shares[key] = _Share(self._ceiling)
        share.in_flight += slots
        self._count(lane, slots)

    def release(self, key: str, lane: Lane, slots: int = 1, *, troubled: bool, now: float) -> None:
        """Give slots back, and learn from how their requests went.

        Args:
            key: As in `take`.
            lane: As in `take`.
            slots: How many; all went the same way.
            troubled: Whether the push service throttled, was unavailable or did not answer in time.
            now: Seconds.
        """
        share = self._shares[key]
        if not troubled:
            if share.limit < self._ceiling:
                share.limit = min(self._ceiling, share.limit + slots / share.limit)
        elif not 0 <= now - share.decreased_at < COOL_DOWN:  # below 0 if the clock was set back
            share.limit = max(self._floor, share.limit * DECREASE)
            share.decreased_at = now
        self.give_back(key, lane, slots)

    def give_back(self, key: str, lane: Lane, slots: int = 1) -> None:
        """Give back slots whose requests never went out: nothing is learned from them."""
        share = self._shares[key]
        share.in_flight -= slots
        self._count(lane, -slots)
        if not share.in_flight and share.limit >= self._ceiling:
            del self._shares[key]

    def _count(self, lane: Lane, slots: int) -> None:
        self.in_flight += slots
        if lane is Lane.URGENT:
            self._urgent += slots

    def _forget_idle(self) -> None:
        if len(self._shares) >= SHARES_KEPT:
            self._shares = {key: share for key, share in self._shares.items() if share.in_flight}

    def limits(self) -> dict[str, tuple[int, int]]:
        """Return requests in flight and the limit of each push service that holds slots or is limited."""
        return {key: (share.in_flight, int(share.limit)) for key, share in self._shares.items()}
