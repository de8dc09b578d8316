from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.records.job import SendJob, Slice
from worker.records.recipient import EncodedKeys, Recipient, Subscription
from worker.timing.lapse import LATE, PRODUCED_LATE, RETRIED, why_lapsed
from worker.timing.schedule import lapses_at, make_plan, times

T = 1_800_000_000.0
PERSON = Recipient("a", Subscription("https://push.example/a", EncodedKeys("p", "a")))


def moment(seconds):
    return datetime.fromtimestamp(T + seconds, UTC)


def why(came_at, written_at=0.0, attempts=0, shift=0.0, **fields):
    """Say why a job's recipient lapsed; times are relative to T."""
    plan = make_plan(SendJob(1, "j", "c", "s", [], payload="", **fields), T + written_at, 0.0)
    lapses = lapses_at(plan, times(plan, PERSON, 0, shift).due, attempts)
    return why_lapsed(plan, PERSON, 0, lapses=lapses, attempts=attempts, came_at=T + came_at)


@pytest.mark.parametrize(
    ("fields", "came_at", "reason"),
    [
        ({"ttl": 60}, 90, PRODUCED_LATE),
        ({"ttl": 60}, 60, LATE),  # it still had a moment to live
        ({"ttl": 60}, 0, LATE),
        ({"ttl": 0}, 59, LATE),  # the grace of a first attempt
        ({"ttl": 0}, 61, PRODUCED_LATE),
        ({"ttl": 60}, -300, LATE),  # a producer whose clock is fast
        ({"ttl": 60}, -inf, LATE),  # out of a tier, or with an earlier owner
        ({"not_after": moment(-5)}, 0, PRODUCED_LATE),
        ({"not_after": moment(5)}, 0, LATE),
        ({"not_after": moment(5)}, 6, PRODUCED_LATE),
        ({"start_at": moment(-3600), "ttl": 600}, 0, PRODUCED_LATE),
        ({"start_at": moment(-3600), "ttl": 600}, -3100, LATE),
        ({"start_at": moment(3600), "not_after": moment(60)}, 0, PRODUCED_LATE),  # no moment to be sent at
        ({"start_at": moment(3600), "not_after": moment(60)}, -inf, LATE),
    ],
)
def test_why_a_message_lapsed_that_was_never_attempted(fields, came_at, reason):
    assert why(came_at, **fields) is reason


def test_a_pause_past_the_end_is_not_the_producers_fault():
    fields = {"slice": Slice(0, 10), "not_after": moment(600)}
    assert why(0, shift=3600.0, **fields) is LATE


@given(st.floats(-1e6, 1e6), st.integers(1, 8), st.integers(0, 1000))
def test_whatever_was_attempted_was_in_time(came_at, attempts, ttl):
    assert why(came_at, attempts=attempts, ttl=ttl) is RETRIED


@given(st.floats(-1e6, 1e6), st.integers(0, 10**6))
def test_what_is_over_when_it_comes_is_the_producers(came_at, ttl):
    assert why(came_at, ttl=ttl) is (PRODUCED_LATE if came_at > max(ttl, 60) else LATE)
