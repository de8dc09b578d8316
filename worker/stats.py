"""Counts for each campaign since they were last told, for `push.stats`: approximate, for live views."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from worker.job import SendJob, encode_json
from worker.outcome import Status
from worker.publication import STATS, CampaignStats, Publication
from worker.schedule import moment

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

    def accept(self, job: SendJob, recipients: int) -> None:
        """Count recipients that came in from upstream; not those that come back from a tier."""
        self._of(job).accepted += recipients

    def count(self, job: SendJob, status: Status) -> None:
        """Count one recipient's final status."""
        self._of(job).by_status[status] += 1

    def due(self, now: float) -> bool:
        """Whether there is something to tell and the interval is over."""
        return bool(self._campaigns) and now - self._since >= INTERVAL

    def flush(self, now: float) -> Iterator[Publication]:
        """Tell everything, and begin anew."""
        told, self._campaigns = self._campaigns, {}
        since, self._since = self._since, now
        return (self._record(campaign, counts, since, now) for campaign, counts in told.items())

    def clear(self) -> None:
        """Forget what was not told."""
        self._campaigns.clear()

    def _of(self, job: SendJob) -> _Counts:
        campaign = (job.campaign_id, job.site_id)
        counts = self._campaigns.get(campaign)
        if counts is None:
            counts = self._campaigns[campaign] = _Counts()
        return counts

    def _record(self, campaign: _Campaign, counts: _Counts, since: float, until: float) -> Publication:
        campaign_id, site_id = campaign
        by_status = {status.value: number for status, number in counts.by_status.items()}
        value = CampaignStats(
            1, campaign_id, site_id, self._worker, moment(since), moment(until), counts.accepted, by_status
        )
        return Publication(STATS, campaign_id.encode(), encode_json(value))
