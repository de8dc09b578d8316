"""Which outcomes an operator has to act on now: a site's refused key, or hosts that are not allowed.

Metrics have no label for the site, and nobody reads every outcome. Decides nothing else: the caller logs the
outcomes and limits repeats.
"""

from collections.abc import Iterator
from typing import NamedTuple

from worker.ledger.ledger import Taken
from worker.pipeline.delivery import JobContext
from worker.pipeline.publication import Effect
from worker.records.outcome import Outcome, Status

REFUSED = "a push service refuses a site's VAPID identity"
NOT_ALLOWED = "endpoints lead to hosts that are not allowed"

_SENT = Status.SENT  # looked up once: an enum lookup costs as much as the rest of the condition


class ActionableOutcome(NamedTuple):
    """An outcome that is worth a log line; it says nothing about the recipient itself."""

    event: str
    site: str
    push_service: str | None
    detail: str | None
    job: str
    campaign: str

    @property
    def kind(self) -> tuple[str | None, ...]:
        """Equal for outcomes that can share one log line."""
        return self[:4]


def actionable_outcomes(settled: Taken[JobContext | None, Effect]) -> Iterator[ActionableOutcome]:
    """Find the outcomes worth a log line among those that a checkpoint settles."""
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
