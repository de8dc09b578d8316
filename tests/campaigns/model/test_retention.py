from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.retention import JOBS_KEPT, Retention, cutoffs, months_around, months_before

NOW = datetime(2026, 12, 31, 9, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_the_usual_periods():
    cut = cutoffs(Retention(), NOW)
    assert cut.idempotency == NOW - timedelta(hours=24)
    assert cut.engagement == date(2025, 11, 1)
    assert cut.launches == datetime(2024, 11, 30, 9, tzinfo=UTC)
    assert cut.unreachable == cut.unsubscribed == NOW - timedelta(days=30)


def test_what_is_no_longer_counted_is_known_for_a_while():
    assert cutoffs(Retention(), NOW).jobs < NOW - JOBS_KEPT


@pytest.mark.parametrize(
    ("today", "months"),
    [
        (date(2026, 11, 21), [(2026, 10), (2026, 11), (2026, 12), (2027, 1), (2027, 2)]),
        (date(2026, 1, 31), [(2025, 12), (2026, 1), (2026, 2), (2026, 3), (2026, 4)]),
    ],
)
def test_months_around_today_are_needed(today, months):
    assert [(month.year, month.month) for month in months_around(today)] == months
    assert {month.day for month in months_around(today)} == {1}


@given(MOMENTS, st.integers(1, 120))
def test_a_calendar_month_is_as_long_as_it_is(now, months):
    cut = cutoffs(Retention(engagement_months=months, launch_months=months), now)
    assert months_before(cut.engagement, -months) == now.date().replace(day=1)
    assert cut.launches.date().replace(day=1) == cut.engagement
    assert cut.launches.timetz() == now.timetz()
    assert now.day - 3 <= cut.launches.day <= now.day
