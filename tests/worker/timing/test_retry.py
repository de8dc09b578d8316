from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.push.verdict import Settled, TryAgain
from worker.records.job import SendJob
from worker.records.outcome import Status
from worker.timing.lapse import RETRIED
from worker.timing.retry import BASE, CAP, backoff, decide
from worker.timing.schedule import lapses_at, make_plan

patient = settings(deadline=None)  # a busy machine is no failure
NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)
T = NINE.timestamp()
THROTTLED = TryAgain("throttled", throttled=True)
jitters = st.floats(0, 1, exclude_max=True)
counts = st.integers(1, 30)


def plan_of(**fields):
    return make_plan(SendJob(1, "j", "c", "s", [], payload="", **fields), T, 0.0)


def decided(plan=None, **given):
    arguments = {"due": T, "attempts": 1, "limit": 8, "wait": 0.0, "jitter": 0.5, "now": T + 1}
    return decide(THROTTLED, plan or plan_of(), **arguments | given)


@patient
@given(counts, jitters)
def test_a_backoff_lies_between_zero_and_its_ceiling(attempts, jitter):
    assert 0 <= backoff(attempts, jitter) <= min(CAP, BASE * 2 ** (attempts - 1))


def test_the_ceiling_doubles_up_to_the_cap():
    ceilings = [backoff(attempts, 1.0) for attempts in range(1, 100)]
    assert ceilings[:8] == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert ceilings == sorted(ceilings)
    assert set(ceilings[7:]) == {CAP}


def test_jitter_reaches_over_the_whole_range():
    assert [backoff(3, jitter) for jitter in (0.0, 0.25, 0.75)] == [0, 30, 90]


@patient
@given(counts, jitters, st.floats(0, 86_400))
def test_no_attempt_is_made_before_the_push_service_said(attempts, jitter, wait):
    at = decided(attempts=attempts, jitter=jitter, wait=wait, limit=99)
    assert at == T + 1 + max(backoff(attempts, jitter), wait)


@pytest.mark.parametrize(
    ("attempts", "limit", "failed"), [(7, 8, False), (8, 8, True), (9, 8, True), (1, 1, True)]
)
def test_attempts_are_limited(attempts, limit, failed):
    found = decided(attempts=attempts, limit=limit)
    assert (found == Settled(Status.FAILED, "throttled")) == failed


@pytest.mark.parametrize(
    ("fields", "wait", "lapsed"),
    [
        ({"ttl": 100}, 99, False),
        ({"ttl": 100}, 99.5, True),
        ({"ttl": 30}, 40, True),  # the grace is for first attempts
        ({"not_after": NINE + timedelta(seconds=100)}, 99, False),
        ({"not_after": NINE + timedelta(seconds=100)}, 99.5, True),
        ({"ttl": 10, "not_after": NINE + timedelta(seconds=100)}, 20, True),
    ],
)
def test_a_retry_that_comes_too_late_is_not_made(fields, wait, lapsed):
    found = decided(plan_of(**fields), wait=float(wait), jitter=0.0)
    assert found == (RETRIED if lapsed else T + 1 + wait)


@patient
@given(st.floats(-100, 100), jitters)
def test_a_ttl_of_zero_means_one_attempt(passed, jitter):
    # even if the clock has stepped back since
    assert decided(plan_of(ttl=0), now=T + passed, jitter=jitter) == RETRIED


@patient
@given(st.integers(0, 10**6), counts, jitters, st.floats(0, 86_400), st.floats(0, 10**6))
def test_whatever_is_decided_keeps_its_promises(ttl, attempts, jitter, wait, passed):
    plan, now = plan_of(ttl=ttl), T + passed
    found = decided(plan, attempts=attempts, jitter=jitter, wait=wait, now=now)
    if isinstance(found, Settled):
        assert found == (Settled(Status.FAILED, "throttled") if attempts >= 8 else RETRIED)
    else:
        assert now + wait <= found <= lapses_at(plan, T, attempts)
        assert attempts < 8
