"""Where a delivery waits that is not due yet: in memory, or in the tier that brings it back in time.

A table and a choice; knows nothing of topics' offsets or clocks.
"""

from worker.records.topics import SHORTEST, TIERS, Tier

HORIZON = 15.0
"""Seconds: what is due within it waits in memory."""

HORIZON_FULL = 10.0
"""Seconds: the horizon while the buffer is full; not less than the smallest tier's delay."""

MARGIN = 2.0
"""Seconds kept for a record's way out of a tier, so that it is back before it is due."""

PAUSE_LEAST = 10.0
"""Seconds: a paused recipient rests at least this long before it is looked at again."""

PAUSE_SHARE = 0.1
"""Of the pause so far: how long a paused recipient rests; the longer the pause, the rarer the looks."""


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


def pause_tier(paused_for: float, life: float) -> Tier:
    """Where a paused recipient rests before it is looked at again: the longer, the longer the pause.

    Args:
        paused_for: Seconds since its campaign was paused.
        life: Seconds after which it would lapse if the pause ended now: it must be back before.
    """
    rest = max(PAUSE_LEAST, PAUSE_SHARE * paused_for)
    tiers = [tier for tier in TIERS if tier is SHORTEST or tier.delay + MARGIN <= life]
    return next((tier for tier in tiers if tier.delay >= rest), tiers[-1])
