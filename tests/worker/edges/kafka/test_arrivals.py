"""When records came to Kafka that no broker stamped: exactly, or since when they may have waited."""

from hypothesis import given
from hypothesis import strategies as st

from worker.edges.kafka.arrivals import NEARLY, PROMPT, Arrivals
from worker.records.envelope import Partition

A, B = Partition("jobs", 0), Partition("jobs", 1)
T = 1_800_000_000.0
FAR = NEARLY + 1


def test_what_is_read_as_it_comes_came_just_now():
    arrivals = Arrivals()
    assert [arrivals.fetched(A, 0, T + second) for second in (0, 0.1, 5, 3600)] == [
        T,
        T + 0.1,
        T + 5,
        T + 3600,
    ]


def test_a_backlog_may_be_as_old_as_the_first_fetch_that_did_not_reach_its_end():
    arrivals = Arrivals()
    assert arrivals.fetched(A, 5000, T) == T
    assert arrivals.fetched(A, 2000, T + 60) == T
    assert arrivals.fetched(A, 0, T + 120) == T  # the last of it
    assert arrivals.fetched(A, 0, T + 130) == T + 130


def test_partitions_have_nothing_to_do_with_each_other():
    arrivals = Arrivals()
    arrivals.fetched(A, FAR, T)
    assert arrivals.fetched(B, 0, T + 60) == T + 60


def test_a_few_records_or_markers_behind_a_fetch_are_no_backlog():
    arrivals = Arrivals()
    assert [arrivals.fetched(A, NEARLY, T + second) for second in (0, 60)] == [T, T + 60]


def test_what_came_while_a_partition_had_to_wait_may_be_as_old_as_the_wait():
    arrivals = Arrivals()
    arrivals.fetched(A, 0, T)
    arrivals.freed(A, T + 300)
    assert arrivals.fetched(A, 0, T + 300 + PROMPT / 2) == T
    arrivals.freed(A, T + 301)
    assert arrivals.fetched(A, 0, T + 400) == T + 400  # it was being fetched from all the time


def test_a_rebalance_ends_no_backlog_but_what_others_read_is_not_known():
    arrivals = Arrivals()
    arrivals.fetched(A, FAR, T)
    arrivals.fetched(B, FAR, T)
    arrivals.keep({A})
    arrivals.keep({A, B})
    assert (arrivals.fetched(A, FAR, T + 30), arrivals.fetched(B, FAR, T + 30)) == (T, T + 30)


def test_a_rebalance_makes_no_backlog():
    arrivals = Arrivals()
    arrivals.fetched(A, 0, T)
    arrivals.keep({A})
    arrivals.freed(A, T + 3600)  # as every partition is after a rebalance
    assert arrivals.fetched(A, 0, T + 3600) == T + 3600


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from([0, NEARLY, FAR]), st.booleans())))
def test_no_record_came_after_it_was_fetched_nor_before_the_last_fetch_that_read_everything(steps):
    arrivals, now, read_all = Arrivals(), T, T
    for wait, left, held in steps:
        if held:
            arrivals.freed(A, now + wait)
        now += wait
        came_at = arrivals.fetched(A, left, now)
        assert read_all <= came_at <= now
        if left <= NEARLY:
            read_all = now
