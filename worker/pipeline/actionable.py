"""Which outcomes somebody has to act on at once, rather than count later.

One site's wrong key, or hosts that are not allowed: metrics have no sites, and nobody reads every outcome.
Decides nothing but that; whoever logs it holds back what repeats.
"""

from collections.abc import Iterator
from typing import NamedTuple

from worker.ledger.ledger import Taken
from worker.pipeline.delivery import JobContext
from worker.pipeline.publication import Effect
from worker.records.outcome import Outcome, Status

REFUSED = "a push service refuses a site's VAPID identity"
NOT_ALLOWED = "endpoints lead to hosts that are not allowed"

_SENT = Status.SENT  # looked up once, as each look at an enum costs as much as the rest of the line


class ActionableOutcome(NamedTuple):
    """Something that happened to a recipient, and to what; no word of the recipient itself."""

    event: str
    site: str
    push_service: str | None
    detail: str | None
    job: str
    campaign: str

    @property
    def kind(self) -> tuple[str | None, ...]:
        """What it has in common with others of which one line is enough."""
        return self[:4]


def actionable_outcomes(settled: Taken[JobContext | None, Effect]) -> Iterator[ActionableOutcome]:
    """Find what is worth a line among what a checkpoint settles."""
    for entry, effects in settled:
        if entry.subject is None:
            continue
        job = entry.subject.job
        for _, effect in effects:
            if isinstance(effect, Outcome) and effect.status is not _SENT and (event := _event(effect)):
                what = (event, job.site_id, effect.push_service, effect.detail)
                yield ActionableOutcome(*what, job.job_id, job.campaign_id)


def _event(outcome: Outcome) -> str | None:
    if outcome.status is Status.UNAUTHORIZED:
        return REFUSED
    if outcome.status is Status.INVALID and outcome.detail == "endpoint_not_allowed":
        return NOT_ALLOWED
    return None
