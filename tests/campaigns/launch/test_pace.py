from collections import Counter
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.launch.pace import AHEAD_LEAST, AHEAD_MOST, Pace, Standing, Turns, ahead, may_write_at

NOON = 1_795_776_000.0


def standing(**fields: object) -> Standing:
    usual: dict[str, object] = {"due": NOON, "timed": False, "written": 0, "settled": 0, "pace": 0.0}
    return Standing(**(usual | fields))  # type: ignore[arg-type]


def test_a_chunk_is_written_ten_minutes_before_its_first_recipient_is_due():
    assert may_write_at(standing()) == NOON - 600
    assert may_write_at(standing(timed=True)) == NOON - 600


@pytest.mark.parametrize(
    ("pace", "enough"), [(0, 20_000), (999, 20_000), (2000, 40_000), (25_000, 500_000), (1e6, 500_000)]
)
def test_what_is_written_ahead_is_twenty_seconds_within_bounds(pace, enough):
    assert ahead(pace) == enough


@pytest.mark.parametrize(
    ("written", "settled", "pace", "writes"),
    [
        (0, 0, 0.0, True),
        (20_000, 0, 0.0, True),  # a twentieth of them may be late
        (21_052, 0, 0.0, True),
        (21_053, 0, 0.0, False),
        (1_000_000, 930_000, 0.0, False),
        (1_000_000, 930_001, 0.0, True),
        (1_000_000, 910_000, 2000.0, False),
        (1_000_000, 910_001, 2000.0, True),
    ],
)
def test_a_launch_without_times_waits_for_outcomes(written, settled, pace, writes):
    at = may_write_at(standing(written=written, settled=settled, pace=pace))
    assert at == (NOON - 600 if writes else inf)


def test_one_with_times_does_not():
    assert may_write_at(standing(timed=True, written=10_000_000)) == NOON - 600


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1e9))
def test_a_launch_is_never_stuck_once_all_but_a_twentieth_have_an_outcome(written, late, pace):
    settled = written - min(late, written // 20)
    assert may_write_at(standing(written=written, settled=settled, pace=pace)) < inf


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1e9))
def test_what_waits_in_kafka_is_bounded(written, settled, pace):
    if may_write_at(standing(written=written, settled=min(settled, written), pace=pace)) < inf:
        assert written - min(settled, written) < AHEAD_MOST + written / 20
    assert ahead(pace) >= AHEAD_LEAST


@given(st.sets(st.integers(0, 2**40), min_size=1, max_size=8), st.integers(1, 5))
def test_launches_take_turns(launches, rounds):
    turns = Turns()
    order = [turns.next(dict.fromkeys(launches, NOON), NOON) for _ in range(rounds * len(launches))]
    assert order == sorted(launches) * rounds


def test_whoever_may_not_write_yet_is_passed_over():
    turns, times = Turns(), {1: NOON, 2: NOON + 1, 3: NOON, 4: inf}
    assert [turns.next(times, NOON) for _ in range(4)] == [1, 3, 1, 3]
    assert [turns.next(times, NOON + 1) for _ in range(3)] == [1, 2, 3]
    assert turns.next(times, NOON - 1) is None
    assert turns.next({}, NOON) is None


@given(st.lists(st.sets(st.integers(1, 5), min_size=1), min_size=1, max_size=40))
def test_nobody_waits_for_more_than_one_turn_of_each_other(ready_at):
    turns, waited = Turns(), Counter[int]()
    for ready in ready_at:
        whose = turns.next(dict.fromkeys(ready, NOON), NOON)
        assert whose in ready
        waited = Counter({launch: waited[launch] + 1 for launch in ready if launch != whose})
        assert all(turns_waited < 5 for turns_waited in waited.values())


def test_a_pace_is_that_of_the_last_minute():
    pace = Pace()
    assert pace.look(500, NOON) == 0.0
    assert pace.look(500, NOON) == 0.0
    assert pace.look(1500, NOON + 10) == 100.0
    assert [pace.look(1500, NOON + second) for second in (40, 70)] == [25.0, 0.0]
    assert pace.look(7500, NOON + 130) == 100.0


@given(st.lists(st.floats(0.01, 20), max_size=60))
def test_a_steady_pace_is_found_whenever_one_looks(steps):
    pace, at = Pace(), NOON
    pace.look(0, at)
    for seconds in steps:
        at += seconds
        assert pace.look(round((at - NOON) * 1000), at) == pytest.approx(1000, rel=0.1, abs=60)
