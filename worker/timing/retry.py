"""Whether a recipient is tried again, and when: exponential back-off with full jitter, while it lives.

Decides from a verdict and times; knows nothing of where the recipient waits until then.
"""

from worker.push.verdict import Settled, TryAgain
from worker.records.outcome import Status
from worker.timing.lapse import RETRIED
from worker.timing.schedule import Plan, lapses_at

BASE = 30.0
"""Seconds within which the first retry comes."""

CAP = 3600.0
"""Longest back-off in seconds; a `Retry-After` may be longer."""


def decide(
    verdict: TryAgain,
    plan: Plan,
    *,
    due: float,
    attempts: int,
    limit: int,
    wait: float,
    jitter: float,
    now: float,
) -> Settled | float:
    """Decide when the next attempt is made, or how the recipient ends without one.

    Args:
        verdict: Why it must be tried again.
        plan: The plan of its job.
        due: Its due time, seconds since the epoch.
        attempts: Requests made so far, the last one included.
        limit: The most attempts allowed (`PUSHMILL_MAX_ATTEMPTS`).
        wait: Seconds that the push service asked to wait (`Retry-After`), or 0.
        jitter: Uniformly random in [0, 1).
        now: Seconds since the epoch.

    Returns:
        The time of the next attempt, seconds since the epoch; or `failed` or `lapsed`.
    """
    if attempts >= limit:
        return Settled(Status.FAILED, verdict.reason)
    at = now + max(backoff(attempts, jitter), wait)
    # A ttl of 0 means one attempt, even if the clock has stepped back since that was made.
    if not plan.ttl or at > lapses_at(plan, due, attempts):
        return RETRIED
    return at


def backoff(attempts: int, jitter: float) -> float:
    """Return a back-off in seconds: anywhere between 0 and a ceiling that doubles with each attempt.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return jitter * min(CAP, BASE * float(1 << min(attempts - 1, 16)))
