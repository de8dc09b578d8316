"""Where a delivery waits until it is due: in memory, or in the tier that brings it back in time.

Knows nothing of offsets or clocks.
"""

from worker.records.topics import SHORTEST, TIERS, Tier

HORIZON = 15.0
"""Seconds: deliveries that are due within this wait in memory."""

HORIZON_FULL = 10.0
"""Seconds: the horizon while the buffer is full; not less than the shortest tier's delay."""

MARGIN = 2.0
"""Seconds allowed for a record's way out of a tier, so that it is back before it is due."""

PAUSE_LEAST = 10.0
"""Seconds that a paused recipient rests at least before it is looked at again."""

PAUSE_SHARE = 0.1
"""Share of the pause so far that a paused recipient rests: the longer the pause, the rarer the looks."""


KEY_SOUGHT = 600.0
"""Seconds for which a key that a job names is looked for: secrets may reach a pod minutes after its jobs."""

KEY_EAGER = 60.0
"""Seconds for which it is looked for every ten seconds; after that, every minute."""


def choose_tier(wait: float, horizon: float = HORIZON) -> Tier | None:
    """Return the tier with the longest delay that does not overshoot, or None to wait in memory.

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
    """Return when a record may come out of a tier.

    It never waits longer than the tier's delay from when it was first seen: the wrong clock of a producer or
    broker must not hold up the records behind it.

    Args:
        tier: The tier that holds the record.
        written_at: The record's timestamp, seconds since the epoch.
        first_seen: When this worker first saw it, seconds since the epoch.
    """
    return min(max(written_at + tier.delay, first_seen), first_seen + tier.delay)


def key_tier(sought_for: float) -> Tier | None:
    """Return the tier where a recipient rests until its job's key is looked for again; None to give up."""
    if sought_for >= KEY_SOUGHT:
        return None
    return SHORTEST if sought_for < KEY_EAGER else choose_tier(KEY_EAGER + MARGIN)


def pause_tier(paused_for: float, life: float) -> Tier:
    """Return the tier where a paused recipient rests: the longer the pause, the longer the rest.

    Args:
        paused_for: Seconds since its campaign was paused.
        life: Seconds until it would lapse if the pause ended now; it must be back before that.
    """
    rest = max(PAUSE_LEAST, PAUSE_SHARE * paused_for)
    tiers = [tier for tier in TIERS if tier is SHORTEST or tier.delay + MARGIN <= life]
    return next((tier for tier in tiers if tier.delay >= rest), tiers[-1])
