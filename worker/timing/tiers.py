"""Where a delivery waits that is not due yet: in memory, or in the tier that brings it back in time.

A table and a choice; knows nothing of topics' offsets or clocks.
"""

from dataclasses import dataclass

HORIZON = 15.0
"""Seconds: what is due within it waits in memory."""

HORIZON_FULL = 10.0
"""Seconds: the horizon while the buffer is full; not less than the smallest tier's delay."""

MARGIN = 2.0
"""Seconds kept for a record's way out of a tier, so that it is back before it is due."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A topic whose records are looked at again `delay` seconds after they were written."""

    name: str
    delay: float

    @property
    def topic(self) -> str:
        """The topic's name without the prefix."""
        return f"later.{self.name}"


TIERS = (Tier("10s", 10.0), Tier("1m", 60.0), Tier("10m", 600.0), Tier("1h", 3600.0))
SHORTEST = TIERS[0]
BY_TOPIC = {tier.topic: tier for tier in TIERS}


def choose_tier(wait: float, horizon: float = HORIZON) -> Tier | None:
    """The tier with the largest delay that does not overshoot, or None for what waits in memory.

    Args:
        wait: Seconds until the next look is due; may be negative.
        horizon: Seconds; at least `HORIZON_FULL`.
    """
    if wait <= horizon:
        return None
    for tier in reversed(TIERS):
        if tier.delay + MARGIN <= wait:
            return tier
    return SHORTEST


def ready_at(tier: Tier, written_at: float, first_seen: float) -> float:
    """When a record may come out of a tier.

    Clamped to the tier's delay from the first sight of it: a producer's or broker's wrong clock must not
    hold up what waits behind.

    Args:
        tier: The one that the record lies in.
        written_at: The record's timestamp, seconds since the epoch.
        first_seen: When this worker first saw it, seconds since the epoch.
    """
    return min(max(written_at + tier.delay, first_seen), first_seen + tier.delay)
