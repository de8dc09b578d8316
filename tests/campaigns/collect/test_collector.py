from datetime import date

import pytest

from campaigns.collect.collector import months_around


@pytest.mark.parametrize(
    ("today", "months"),
    [
        (date(2026, 11, 21), [(2026, 10), (2026, 11), (2026, 12), (2027, 1), (2027, 2)]),
        (date(2026, 1, 31), [(2025, 12), (2026, 1), (2026, 2), (2026, 3), (2026, 4)]),
    ],
)
def test_months_around_today_are_needed(today: date, months: list[tuple[int, int]]):
    assert [(month.year, month.month) for month in months_around(today)] == months
    assert {month.day for month in months_around(today)} == {1}
