"""Counts of a campaign as `push.stats` holds them, and the totals that a reader makes of them."""

from collections import Counter

import msgspec
from msgspec import Struct

from worker.records.outcome import Status
from worker.records.values import Count, Moment, RecordError, decode_value


class CampaignStats(Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """The value of a record in `push.stats`: counts since the last one.

    Attributes:
        since: Counted since.
        until: Counted until.
        accepted: Recipients that came in.
        counts: Recipients that became final, by status; approximate after a crash.
    """

    v: int
    campaign_id: str
    site_id: str
    worker: str
    since: Moment
    until: Moment
    accepted: Count
    counts: dict[str, Count]


PACE_SECONDS = 60.0
"""Window over which a campaign's current pace is measured."""

_decoder = msgspec.json.Decoder(CampaignStats)


def decode_stats(value: bytes) -> CampaignStats:
    """Read a record of `push.stats`, ignoring unknown fields; `counts` may name unknown statuses.

    Raises:
        RecordError: The value is not such a record; the text names the field.
    """
    return decode_value(_decoder, value)


class Totals:
    """Totals of one campaign over the records of `push.stats`; times are seconds since the epoch."""

    def __init__(self, campaign_id: str, now: float) -> None:
        self.campaign_id = campaign_id
        self.records = 0
        self.accepted = 0
        self.counts: Counter[str] = Counter()
        self._now = now
        self._lately = 0.0

    def add(self, value: bytes | None) -> None:
        """Add a record's counts; ignore records of other campaigns and records that cannot be read."""
        try:
            stats = decode_stats(value or b"")
        except RecordError:
            return
        if stats.campaign_id != self.campaign_id:
            return
        self.records += 1
        self.accepted += stats.accepted
        self.counts.update(stats.counts)
        since, until = stats.since.timestamp(), stats.until.timestamp()
        within = min(until, self._now) - max(since, self._now - PACE_SECONDS)
        if within > 0:
            self._lately += sum(stats.counts.values()) * min(1.0, within / max(until - since, 1e-9))

    @property
    def delivery_rate(self) -> float:
        """The share of settled recipients that were sent, between 0 and 1."""
        return self.counts[Status.SENT] / max(1, self.counts.total())

    @property
    def pace(self) -> float:
        """Recipients settled per second over the last minute."""
        return self._lately / PACE_SECONDS
