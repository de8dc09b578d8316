from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.recurrence import (
    DATES_MAX,
    Recurrence,
    daily,
    monthly,
    next_moment,
    recurrence_problems,
    weekly,
    yearly,
)

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo")
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(  # noqa: DTZ001 - the zone follows
    lambda wall: wall.replace(tzinfo=UTC)
)
HOURS, MINUTES = st.integers(0, 23), st.integers(0, 59)
EXPRESSIONS = st.one_of(
    st.builds(daily, HOURS, MINUTES),
    st.builds(weekly, st.sets(st.integers(0, 6), min_size=1), HOURS, MINUTES),
    st.builds(monthly, st.sets(st.integers(1, 31), min_size=1), HOURS, MINUTES),
    st.builds(
        yearly,
        st.sets(st.integers(1, 12), min_size=1),
        st.sets(st.integers(1, 28), min_size=1),
        HOURS,
        MINUTES,
    ),
    st.sampled_from(["*/15 * * * *", "0,30 * * * *", "0 */6 * * *", "0 9-17 * * MON-FRI", "0 0 29 2 *"]),
)


def wall(*parts):
    return datetime(*parts)  # noqa: DTZ001 - a wall time


def berlin(*parts, fold=0):
    return datetime(*parts, tzinfo=BERLIN, fold=fold).astimezone(UTC)


def cron(expression, zone="UTC"):
    return Recurrence(cron=expression, zone=zone)


def first(recurrence, after, count, **bounds):
    """The next moments, one behind the other."""
    found = []
    while len(found) < count:
        moment = next_moment(recurrence, found[-1] if found else after, **bounds)
        if moment is None:
            break
        found.append(moment)
    return found


@given(EXPRESSIONS, st.sampled_from(ZONES), MOMENTS)
def test_the_next_moment_is_later_and_nothing_lies_between(expression, zone, after):
    recurrence = cron(expression, zone)
    found = next_moment(recurrence, after)
    assert found is not None
    assert found > after
    assert found.utcoffset() == timedelta()
    between = after + (found - after) / 2
    assert next_moment(recurrence, between) == found
    assert next_moment(recurrence, found - timedelta(microseconds=1)) == found


@given(HOURS, MINUTES, st.sampled_from(ZONES), MOMENTS)
def test_a_daily_time_comes_once_on_each_day(hour, minute, zone, after):
    days = [each.astimezone(ZoneInfo(zone)) for each in first(cron(daily(hour, minute), zone), after, 9)]
    dates = [each.date() for each in days]
    assert [later - earlier for earlier, later in pairwise(dates)] == [DAY] * 8
    for each in days:
        planned = wall(each.year, each.month, each.day, hour, minute)
        exists = (
            planned.replace(tzinfo=each.tzinfo).astimezone(UTC).astimezone(each.tzinfo).replace(tzinfo=None)
            == planned
        )
        assert (each.replace(tzinfo=None) == planned) if exists else (each.replace(tzinfo=None) > planned)


@given(EXPRESSIONS, st.sampled_from(ZONES), MOMENTS, st.integers(0, 1000), st.integers(0, 1000))
def test_no_moment_is_outside_of_the_bounds(expression, zone, after, starts, lasts):
    starts_at = after + timedelta(hours=starts)
    ends_at = starts_at + timedelta(hours=lasts)
    found = first(cron(expression, zone), after, 3, starts_at=starts_at, ends_at=ends_at)
    assert all(starts_at <= each <= ends_at for each in found)
    if len(found) < 3:
        assert (next_moment(cron(expression, zone), found[-1] if found else max(after, starts_at))) > ends_at


def test_the_bounds_themselves_are_moments():
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    bounds = {"starts_at": at, "ends_at": at}
    assert first(cron("0 9 * * *"), at - 3 * DAY, 9, **bounds) == [at]
    assert first(cron("0 9 * * *"), at, 9, **bounds) == []


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        # 29 March 2026: 02:00 is 03:00. A time in the gap comes right behind it, and once.
        (
            "30 2 * * *",
            berlin(2026, 3, 28, 3),
            [berlin(2026, 3, 29, 3), berlin(2026, 3, 30, 2, 30)],
        ),
        (
            "0 2,3 * * *",
            berlin(2026, 3, 28, 4),
            [berlin(2026, 3, 29, 3), berlin(2026, 3, 30, 2)],
        ),
        # 25 October 2026: 03:00 is 02:00. A fixed time comes in the first of the two hours alone.
        (
            "30 2 * * *",
            berlin(2026, 10, 25, 0),
            [berlin(2026, 10, 25, 2, 30), berlin(2026, 10, 26, 2, 30)],
        ),
        ("45 2 * * *", berlin(2026, 10, 25, 2, 30, fold=1), [berlin(2026, 10, 26, 2, 45)]),
        # Wildcard hours follow real time: every 30 minutes, in both hours.
        (
            "*/30 * * * *",
            berlin(2026, 10, 25, 1, 59),
            [
                berlin(2026, 10, 25, 2),
                berlin(2026, 10, 25, 2, 30),
                berlin(2026, 10, 25, 2, fold=1),
                berlin(2026, 10, 25, 2, 30, fold=1),
                berlin(2026, 10, 25, 3),
            ],
        ),
        ("*/30 * * * *", berlin(2026, 3, 29, 1, 30), [berlin(2026, 3, 29, 3), berlin(2026, 3, 29, 3, 30)]),
        # The day keeps its wall time over both changes.
        ("0 9 * * *", berlin(2026, 3, 28, 9), [berlin(2026, 3, 29, 9), berlin(2026, 3, 30, 9)]),
    ],
)
def test_clocks_change_as_for_debians_cron(expression, after, expected):
    assert first(cron(expression, "Europe/Berlin"), after, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        (yearly([2], [29], 0, 0), [(2028, 2, 29), (2032, 2, 29)]),
        (monthly([31], 0, 0), [(2027, 1, 31), (2027, 3, 31), (2027, 5, 31)]),
        (weekly([0, 6], 0, 0), [(2027, 1, 2), (2027, 1, 3), (2027, 1, 9)]),
        ("0 0 1 * MON", [(2027, 1, 4), (2027, 1, 11), (2027, 1, 18), (2027, 1, 25), (2027, 2, 1)]),
    ],
)
def test_days_that_a_month_lacks_are_skipped(expression, days):
    after = datetime(2027, 1, 1, tzinfo=UTC)
    assert first(cron(expression), after, len(days)) == [datetime(*each, tzinfo=UTC) for each in days]


def test_what_never_comes_again_has_no_next_moment():
    assert next_moment(cron("0 0 * * *"), datetime.max.replace(tzinfo=UTC)) is None


def test_dates_are_wall_times_in_any_order():
    dates = (wall(2026, 10, 25, 2, 30), wall(2026, 3, 29, 2, 30), wall(2026, 3, 29, 2, 30))
    recurrence = Recurrence(dates=dates, zone="Europe/Berlin")
    expected = [berlin(2026, 3, 29, 3, 30), berlin(2026, 10, 25, 2, 30)]
    assert first(recurrence, datetime(2026, 1, 1, tzinfo=UTC), 9) == expected
    assert first(recurrence, expected[0], 9) == expected[1:]
    assert first(recurrence, expected[0], 9, ends_at=expected[1] - MINUTE) == []


@pytest.mark.parametrize(
    "recurrence",
    [
        *map(
            cron,
            ("0 9 * * *", "*/15 * * * *", "0,15,30,45 * * * *", "50 23 * * *", "5 0,23 1 1 sun", "0 0 L * *"),
        ),
        Recurrence(dates=(wall(2026, 1, 1), wall(2026, 1, 1, 0, 1)), zone="Asia/Kolkata"),
    ],
    ids=str,
)
def test_recurrences_with_nothing_wrong(recurrence):
    assert [*recurrence_problems(recurrence, ZONES)] == []


@pytest.mark.parametrize(
    ("recurrence", "field", "problem"),
    [
        (cron("0 9 * * *", "Mars/Base"), "recurrence.zone", "tzdata"),
        (Recurrence(zone="UTC"), "recurrence", "cron, or dates"),
        (Recurrence(cron="0 9 * * *", dates=(wall(2026, 1, 1),), zone="UTC"), "recurrence", "cron, or dates"),
        *[
            (cron(text), "recurrence.cron", "five fields")
            for text in (
                *("", "* * * *", "0 9 * * * 0", "60 9 * * *", "0 9 * * MOND", "0 9 30 2 *", "x" * 300),
                *("a b c d e", "*/0 9 * * *", "1-0 9 * * *", "0 9 L/2 * *,", "0 9 1/0 * *", "L/2 9 * * *"),
            )
        ],
        *[
            (cron(text), "recurrence.cron", "15 minutes")
            for text in ("* * * * *", "*/14 * * * *", "0,10 9 * * *", "0,59 0,23 * * *")
        ],
        (
            Recurrence(dates=(wall(2026, 1, 1),) * (DATES_MAX + 1), zone="UTC"),
            "recurrence.dates",
            str(DATES_MAX),
        ),
        (Recurrence(dates=(datetime(2026, 1, 1, tzinfo=UTC),), zone="UTC"), "recurrence.dates", "offset"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_recurrence_is_named(recurrence, field, problem):
    [found] = recurrence_problems(recurrence, ZONES)
    assert found.field == field
    assert problem in found.problem


@given(st.text(alphabet="0123456789*,-/L# MONWEDJANx", max_size=30))
def test_any_text_is_a_cron_expression_or_is_not(text):
    problems = [*recurrence_problems(cron(text), ZONES)]
    if not problems:
        next_moment(cron(text), datetime(2026, 1, 1, tzinfo=UTC))
