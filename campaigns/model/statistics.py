"""What came of a launch, from the counts that are kept of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from worker.records.outcome import Status

ENGAGEMENTS = ("shown", "clicks", "button_0", "button_1", "dismissed")


class Engagement(Struct, frozen=True):
    """How often browsers reported something.

    Attributes:
        first: By how many recipients, each counted once.
        total: How often, each recipient counted up to 100 times.
    """

    first: int = 0
    total: int = 0

    def __add__(self, other: "Engagement") -> "Engagement":
        return Engagement(self.first + other.first, self.total + other.total)


class Counted(Struct, frozen=True):
    """What is to be added to the counts of a launch.

    Attributes:
        launch: Its number.
        status: Of the outcomes.
        recipients: How many more have it.
        attempted: How many of these were attempted.
    """

    launch: int
    status: str
    recipients: int
    attempted: int


class Counts(Struct, frozen=True, kw_only=True):
    """What is kept of a launch.

    Attributes:
        targeted: Recipients at the start.
        written: Recipients in Kafka.
        by_status: Outcomes by status.
        attempted: Outcomes that came after at least one attempt.
        unsubscribed: Recipients who unsubscribed within 24 hours after they saw or clicked it.
        engagement: What browsers reported, by the names in `ENGAGEMENTS`.
        is_done: Whether no more outcomes are to be expected.
    """

    targeted: int
    written: int
    by_status: Mapping[str, int] = {}
    attempted: int = 0
    unsubscribed: int = 0
    engagement: Mapping[str, Engagement] = {}
    is_done: bool = False


class Statistics(Struct, frozen=True, kw_only=True):
    """What came of a launch, or of all launches of a campaign.

    Attributes:
        targeted: Recipients at the start.
        written: Recipients in Kafka so far.
        attempted: Recipients with an outcome after at least one attempt.
        accepted: Those whom a push service took a push for: what every platform calls delivered.
        refused: Those attempted, and not accepted.
        not_sent: Those with an outcome without an attempt.
        unknown: Those written whose outcome never came; 0 until the end.
        unsubscribed: Those who unsubscribed within 24 hours after they saw or clicked it.
        by_status: Outcomes by status, as the worker has them.
        counted_until: Outcomes up to then are counted; None if none ever were.
    """

    targeted: int = 0
    written: int = 0
    attempted: int = 0
    accepted: int = 0
    refused: int = 0
    not_sent: int = 0
    unknown: int = 0
    unsubscribed: int = 0
    by_status: dict[str, int] = {}
    shown: Engagement = Engagement()
    clicks: Engagement = Engagement()
    button_0: Engagement = Engagement()
    button_1: Engagement = Engagement()
    dismissed: Engagement = Engagement()
    counted_until: datetime | None = None

    @property
    def clicked_anywhere(self) -> int:
        """Recipients by what they clicked: whoever clicked the notification and a button counts twice."""
        return sum(each.first for each in (self.clicks, self.button_0, self.button_1))


def statistics(launches: Iterable[Counts], counted_until: datetime | None) -> Statistics:
    """Add up what came of launches.

    Args:
        launches: The counts of each.
        counted_until: When counting came this far.
    """
    counts = list(launches)
    by_status: dict[str, int] = {}
    for each in counts:
        for status, count in each.by_status.items():
            by_status[status] = by_status.get(status, 0) + count
    attempted, outcomes = sum(each.attempted for each in counts), sum(by_status.values())
    accepted = by_status.get(Status.SENT, 0)
    return Statistics(
        targeted=sum(each.targeted for each in counts),
        written=sum(each.written for each in counts),
        attempted=attempted,
        accepted=accepted,
        refused=max(0, attempted - accepted),
        not_sent=max(0, outcomes - attempted),
        unknown=sum(_unknown(each) for each in counts),
        unsubscribed=sum(each.unsubscribed for each in counts),
        by_status=dict(sorted(by_status.items())),
        counted_until=counted_until,
        **{name: _total(counts, name) for name in ENGAGEMENTS},
    )


def _unknown(counts: Counts) -> int:
    return max(0, counts.written - sum(counts.by_status.values())) if counts.is_done else 0


def _total(counts: Iterable[Counts], name: str) -> Engagement:
    return sum((each.engagement.get(name, Engagement()) for each in counts), Engagement())
