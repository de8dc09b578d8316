"""Counts for each campaign, published to `push.stats` at intervals; readers add them up.

Decides what counts as accepted, and when counts are due; knows nothing of how a recipient got its status.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from worker.records.envelope import Publication
from worker.records.job import LaterJob, SendJob
from worker.records.outcome import Status
from worker.records.stats import CampaignStats
from worker.records.topics import STATS
from worker.records.values import encode_json, moment

INTERVAL = 1.0
"""Seconds between two records of one campaign."""


_Campaign = tuple[str, str]


@dataclass(slots=True)
class _Counts:
    accepted: int = 0
    by_status: Counter[Status] = field(default_factory=Counter)


class Tally:
    """What happened to the recipients of each campaign and site since the last flush."""

    def __init__(self, worker: str, now: float) -> None:
        self._worker = worker
        self._since = now
        self._campaigns: dict[_Campaign, _Counts] = {}
        self._latest: tuple[SendJob, _Counts] | None = None

    def count(self, job: SendJob, status: Status | None, recipients: int = 1) -> None:
        """Count recipients that got a final status, or that went to a tier if `status` is None.

        A recipient counts as accepted at its first such step: a record may be read again before that, and
        only recipients out of a tier have been counted before.
        """
        counts = self._of(job)
        if not isinstance(job, LaterJob):
            counts.accepted += recipients
        if status is not None:
            counts.by_status[status] += recipients

    def due(self, now: float) -> bool:
        """Return whether there is something to publish and the interval is over."""
        return bool(self._campaigns) and now - self._since >= INTERVAL

    def flush(self, now: float) -> Iterator[Publication]:
        """Return records of all counts, and start again from zero."""
        counted, self._campaigns, self._latest = self._campaigns, {}, None
        since, self._since = self._since, now
        return (self._record(campaign, counts, since, now) for campaign, counts in counted.items())

    def clear(self) -> None:
        """Drop all counts since the last flush."""
        self._campaigns.clear()
        self._latest = None

    def _of(self, job: SendJob) -> _Counts:
        if self._latest is None or self._latest[0] is not job:  # neighbours share their job
            campaign = (job.campaign_id, job.site_id)
            counts = self._campaigns.get(campaign)
            if counts is None:
                counts = self._campaigns[campaign] = _Counts()
            self._latest = job, counts
        return self._latest[1]

    def _record(self, campaign: _Campaign, counts: _Counts, since: float, until: float) -> Publication:
        campaign_id, site_id = campaign
        by_status = {status.value: number for status, number in counts.by_status.items()}
        value = CampaignStats(
            1, campaign_id, site_id, self._worker, moment(since), moment(until), counts.accepted, by_status
        )
        return Publication(STATS, campaign_id.encode(), encode_json(value))
