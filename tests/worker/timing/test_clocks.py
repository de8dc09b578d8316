import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.timing.clocks import AHEAD, EARLIEST, WrongClock, wrong_clock

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("milliseconds", "wrong"),
    [
        (NOW * 1000, None),
        (NOW, WrongClock.PAST),  # seconds
        (0, WrongClock.PAST),
        (-1, WrongClock.PAST),  # Kafka's "no timestamp"
        (-(2**63), WrongClock.PAST),
        (NOW * 1_000_000, WrongClock.FUTURE),  # microseconds
        (NOW * 1_000_000_000, WrongClock.FUTURE),
        (2**63 - 1, WrongClock.FUTURE),
        ((NOW - 90) * 1000, None),
        ((NOW - 7 * 86_400) * 1000, None),
        ((NOW + AHEAD) * 1000, None),
        ((NOW + AHEAD + 0.001) * 1000, WrongClock.FUTURE),
        (EARLIEST * 1000, None),
        (EARLIEST * 1000 - 1, WrongClock.PAST),
    ],
)
def test_a_timestamp_in_another_unit_or_of_a_clock_far_off_cannot_be(milliseconds, wrong):
    assert wrong_clock(milliseconds / 1000, NOW) is wrong


@given(st.floats(-1e18, 1e18), st.floats(0, 4e9))
def test_what_can_be_lies_between_2020_and_five_minutes_from_now(timestamp, now):
    assert (wrong_clock(timestamp, now) is None) == (EARLIEST <= timestamp <= now + AHEAD)


@given(st.floats(EARLIEST, 4e9))
def test_now_can_always_be(now):
    assert wrong_clock(now, now) is None
