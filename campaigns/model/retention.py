"""How long everything is kept: the periods that an operator sets, and the moments that follow from them."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

JOBS_KEPT = timedelta(days=14)
"""After a launch was done, its jobs are known for so long; what comes later cannot be told from repeats."""

_JOBS_MARGIN = timedelta(days=1)
"""What is no longer counted may still be looked up by a collector whose clock is behind."""

ERASURES_KEPT = timedelta(days=60)
"""For so long whoever was erased may be in a job: 30 days of stretch, and then its time to live."""

_MONTHS_BEFORE, _MONTHS_AHEAD = 1, 3


class Retention(NamedTuple):
    """The periods; calendar months for what is counted over months.

    Attributes:
        idempotency: How long a request may be repeated.
        engagement_months: What single browsers reported, by the month of the launch.
        launch_months: Launches, and what is counted of them, since each was done.
        unreachable: Subscribers without an endpoint, since they were last seen.
        unsubscribed: Subscribers who asked not to be sent to, since then; their keys are gone already.
    """

    idempotency: timedelta = timedelta(hours=24)
    engagement_months: int = 13
    launch_months: int = 25
    unreachable: timedelta = timedelta(days=30)
    unsubscribed: timedelta = timedelta(days=30)


class Cutoffs(NamedTuple):
    """What is older than these goes; the attributes are those of `Retention`.

    Attributes:
        access_tokens: Those that ended before.
        engagement: The first month that is kept whole, by its first day.
        jobs: Launches that were done before need no jobs any more.
        erasures: Whom Kafka was told of.
    """

    idempotency: datetime
    access_tokens: datetime
    engagement: date
    launches: datetime
    unreachable: datetime
    unsubscribed: datetime
    jobs: datetime
    erasures: datetime


def cutoffs(retention: Retention, now: datetime) -> Cutoffs:
    """Return up to when everything is kept."""
    return Cutoffs(
        idempotency=now - retention.idempotency,
        access_tokens=now,
        engagement=months_before(now.astimezone(UTC).date(), retention.engagement_months),
        launches=_months_ago(now, retention.launch_months),
        unreachable=now - retention.unreachable,
        unsubscribed=now - retention.unsubscribed,
        jobs=now - JOBS_KEPT - _JOBS_MARGIN,
        erasures=now - ERASURES_KEPT,
    )


def months_before(today: date, months: int) -> date:
    """Return the first day of the month that lies so many before this one; negative numbers look ahead."""
    number = today.year * 12 + today.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def months_around(today: date) -> list[date]:
    """Return the first days of the months that are needed now and soon, and of the one after them."""
    return [months_before(today, each) for each in range(_MONTHS_BEFORE, -_MONTHS_AHEAD - 1, -1)]


def _months_ago(now: datetime, months: int) -> datetime:
    """Return the moment so many months ago; the end of that month where it has no such day."""
    first = months_before(now.date(), months)
    last = months_before(first, -1) - timedelta(days=1)
    return now.replace(year=first.year, month=first.month, day=min(now.day, last.day))
