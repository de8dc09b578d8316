from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.launch.stalls import Look, Stalls

NOW = 1_000_000.0


def look(*, launch=3, cursor=5, idle_since=NOW, may_write_at=0.0) -> Look:
    return Look(launch, cursor, idle_since, may_write_at)


def test_nothing_stands_still_where_there_is_nothing():
    assert Stalls().longest([], NOW) == 0


def test_a_launch_stands_still_since_it_last_moved_or_since_it_may_be_written():
    assert Stalls().longest([look(idle_since=NOW - 50)], NOW) == 50
    assert Stalls().longest([look(idle_since=NOW - 50, may_write_at=NOW - 20)], NOW) == 20


@pytest.mark.parametrize("may_write_at", [NOW + 1, inf])
def test_one_that_waits_for_its_time_or_for_outcomes_does_not(may_write_at):
    assert Stalls().longest([look(idle_since=NOW - 50, may_write_at=may_write_at)], NOW) == 0


def test_of_several_the_one_that_has_waited_longest_is_told():
    both = [look(idle_since=NOW - 5), look(launch=4, idle_since=NOW - 50)]
    assert Stalls().longest(both, NOW) == 50
    assert Stalls().longest(reversed(both), NOW) == 50


def test_what_waited_for_outcomes_stands_still_from_the_look_at_which_there_is_room():
    stalls = Stalls()
    assert stalls.longest([look(idle_since=NOW - 50, may_write_at=inf)], NOW) == 0
    roomy = look(idle_since=NOW - 50)
    assert [stalls.longest([roomy], NOW + later) for later in (5, 12)] == [0, 7]
    assert stalls.longest([look(idle_since=NOW - 50, may_write_at=inf)], NOW + 20) == 0
    assert stalls.longest([roomy], NOW + 30) == 0


def test_one_that_has_moved_begins_anew():
    stalls = Stalls()
    assert stalls.longest([look(idle_since=NOW - 50)], NOW) == 50
    assert stalls.longest([look(cursor=6, idle_since=NOW + 4)], NOW + 5) == 1


def test_one_that_is_missing_meanwhile_is_forgotten():
    stalls = Stalls()
    stalls.longest([look(may_write_at=inf)], NOW)
    stalls.longest([], NOW + 1)
    assert stalls.longest([look(idle_since=NOW - 50)], NOW + 5) == 55


def test_a_clock_that_is_ahead_makes_nothing_negative():
    assert Stalls().longest([look(idle_since=NOW + 50)], NOW) == 0


@given(
    st.lists(st.tuples(st.integers(0, 2), st.floats(0, 100)), max_size=20),
    st.floats(0, 50),
    st.floats(0, 50),
)
def test_nobody_has_stood_still_for_longer_than_since_the_last_move(looks, idle, ready):
    stalls, now = Stalls(), NOW
    for cursor, later in looks:
        now += later
        found = stalls.longest([look(cursor=cursor, idle_since=now - idle, may_write_at=now - ready)], now)
        assert 0 <= found <= min(idle, ready) + 1e-6
