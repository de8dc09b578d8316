"""When a campaign recurs: by a cron expression or on given dates, at wall times of a zone.

Decides which recurrences can be, and which moment comes next; what happens at a moment, `campaign` decides.
Cron expressions mean what they mean to Debian's cron: where days of the month and of the week are both given,
either is enough; fixed times come once when clocks change, and wildcard hours follow real time.
"""

from collections.abc import Container, Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from campaigns.model.problems import FieldProblem

INTERVAL_MIN = timedelta(minutes=15)
"""Between two times of a day that a cron expression names; the last one and the next day's first included."""

DATES_MAX = 366
CRON_MAX = 256
"""Characters of a cron expression."""

_FIELDS = 5
_ANY_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - without a zone: clocks never change on it
_CRON_NEEDED = "must be a cron expression of five fields (0 9 * * *)"


class Recurrence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a campaign is launched again and again: by `cron` or on `dates`.

    Attributes:
        cron: Minute, hour, day of the month, month, day of the week.
        dates: Wall times, without a zone.
        zone: The time zone of tzdata that both are meant in.
    """

    cron: str | None = None
    dates: tuple[datetime, ...] = ()
    zone: str


# ── patterns, as platforms ask for them ─────────────────────────────────────────────────────────────────────


def daily(hour: int, minute: int) -> str:
    """Return the cron expression of every day."""
    return f"{minute} {hour} * * *"


def weekly(days: Iterable[int], hour: int, minute: int) -> str:
    """Return the cron expression of some days of each week, which count from 0 for Sunday."""
    return f"{minute} {hour} * * {_list(days)}"


def monthly(days: Iterable[int], hour: int, minute: int) -> str:
    """Return the cron expression of some days of each month; a day that a month lacks is skipped."""
    return f"{minute} {hour} {_list(days)} * *"


def yearly(months: Iterable[int], days: Iterable[int], hour: int, minute: int) -> str:
    """Return the cron expression of some days of some months, which count from 1."""
    return f"{minute} {hour} {_list(days)} {_list(months)} *"


def _list(numbers: Iterable[int]) -> str:
    return ",".join(map(str, sorted({*numbers})))


# ── what comes next ─────────────────────────────────────────────────────────────────────────────────────────


def next_moment(
    recurrence: Recurrence,
    after: datetime,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> datetime | None:
    """Return the first moment behind another one, in UTC; None if there is none.

    Args:
        recurrence: When.
        after: The moment returned is later than this.
        starts_at: No moment is before this.
        ends_at: No moment is after this.
    """
    if starts_at is not None:
        after = max(after, starts_at - timedelta(microseconds=1))
    zone = _zone(recurrence.zone)
    if recurrence.cron is None:
        found = min((each for each in _moments(recurrence.dates, zone) if each > after), default=None)
    else:
        found = _next_by_cron(recurrence.cron, zone, after)
    return None if found is None or (ends_at is not None and found > ends_at) else found


def _moments(dates: Iterable[datetime], zone: tzinfo) -> Iterator[datetime]:
    """Yield wall times as moments: of one that comes twice the first, one that never comes as much later."""
    for each in dates:
        yield each.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _next_by_cron(cron: str, zone: tzinfo, after: datetime) -> datetime | None:
    try:
        for moment in CronSim(cron, after.astimezone(zone)):
            found = moment.astimezone(UTC)
            if found > after:  # a fixed time in the hour that clocks repeat is meant in the first one
                return found
    except OverflowError:  # beyond the year 9999
        return None
    return None


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


# ── what is wrong ───────────────────────────────────────────────────────────────────────────────────────────


def recurrence_problems(
    recurrence: Recurrence, zones: Container[str], field: str = "recurrence"
) -> Iterator[FieldProblem]:
    """Find what is wrong with a recurrence.

    Args:
        recurrence: The recurrence.
        zones: The names that tzdata knows.
        field: Where it stands in the request.
    """
    if recurrence.zone not in zones:
        yield FieldProblem(f"{field}.zone", "is not a time zone of tzdata (Europe/Berlin)")
    if (recurrence.cron is None) == (not recurrence.dates):
        yield FieldProblem(field, "must have cron, or dates in its place")
    elif recurrence.cron is not None:
        problem = _cron_problem(recurrence.cron)
        if problem:
            yield FieldProblem(f"{field}.cron", problem)
    elif len(recurrence.dates) > DATES_MAX:
        yield FieldProblem(f"{field}.dates", f"has more than {DATES_MAX}; use cron")
    elif any(each.tzinfo is not None for each in recurrence.dates):
        yield FieldProblem(f"{field}.dates", "must be wall times, without an offset")


def _cron_problem(cron: str) -> str | None:
    fields = cron.split() if len(cron) <= CRON_MAX else []
    if len(fields) != _FIELDS:
        return _CRON_NEEDED
    try:
        CronSim(cron, _ANY_DAY)
        times = [*_times_of_a_day(fields[0], fields[1])]
    except (CronSimError, ValueError, AssertionError):
        return _CRON_NEEDED
    if any(later - earlier < INTERVAL_MIN for earlier, later in pairwise(times)):
        return f"must leave {INTERVAL_MIN.seconds // 60} minutes between two of its times"
    return None


def _times_of_a_day(minute: str, hour: str) -> Iterator[datetime]:
    """Yield the times of some day, and the first one of the day after it."""
    for moment in CronSim(f"{minute} {hour} * * *", _ANY_DAY - timedelta(minutes=1)):
        yield moment
        if moment >= _ANY_DAY + timedelta(days=1):
            return
