"""Times as SendPulse's clients write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from campaigns.adapters.sendpulse.dates import midnight, read_since, read_start, read_until, said
from campaigns.model.problems import InvalidError

NOW = datetime(2026, 11, 21, 9, 0, 0, 500, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)


def test_a_moment_is_said_in_the_account_s_zone():
    assert said(NOW, BERLIN) == "2026-11-21 10:00:00"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (None, None),
        ("0001-01-01 00:00:00", None),
        ("2026-11-21 10:00:00", utc(2026, 11, 21, 9)),
        ("2026-11-22 00:30:00", utc(2026, 11, 21, 23, 30)),
        ("2027-07-01 12:00:00", utc(2027, 7, 1, 10)),
    ],
)
def test_a_start_is_read(text, moment):
    assert read_start(text, BERLIN, NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 09:59:59",
        "2020-01-01 00:00:00",
        "2026-11-22",
        "tomorrow",
        "22.11.2026 10:00",
        "2026-13-01 10:00:00",
    ],
)
def test_a_start_that_cannot_be_is_refused(text):
    with pytest.raises(InvalidError) as raised:
        read_start(text, BERLIN, NOW)
    assert raised.value.problems[0].field == "send_date"


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        (None, None, None),
        ("0001-01-01T00:00:00Z", None, None),
        ("2026-11-21", utc(2026, 11, 20, 23), utc(2026, 11, 21, 23)),
        ("2026-11-21 10:00:00", utc(2026, 11, 21, 9), utc(2026, 11, 21, 9, 0, 1)),
        ("2026-11-21T00:00:00Z", utc(2026, 11, 21), utc(2026, 11, 22)),
        ("2027-03-28", utc(2027, 3, 27, 23), utc(2027, 3, 28, 22)),
    ],
    ids=["none", "Go's zero", "a day", "a second", "a day as Go writes it", "a day of 23 hours"],
)
def test_a_day_is_meant_as_a_whole(text, since, until):
    assert read_since(text, BERLIN, "from") == since
    assert read_until(text, BERLIN, "to") == until


@pytest.mark.parametrize("text", ["9999-12-31", "2026-02-30", "-1", ""])
def test_what_is_no_day_is_refused(text):
    with pytest.raises(InvalidError) as raised:
        read_until(text, BERLIN, "to")
    assert raised.value.problems[0].field == "to"


def test_a_day_begins_at_midnight_there():
    assert midnight(NOW, BERLIN) == utc(2026, 11, 20, 23)
