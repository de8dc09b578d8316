import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.collect.outcomes import (
    JobKey,
    Result,
    changes,
    from_bytes,
    new_outcomes,
    read_outcomes,
    to_bytes,
)
from campaigns.model.ids import LaunchId
from campaigns.model.statistics import Counted
from tests.campaigns.collect.records import batch, outcome

KEY = JobKey(LaunchId(3, "abcdefgh"), 1, 0)
SENT, LAPSED = Result("sent", attempted=True), Result("lapsed", attempted=False)


def test_outcomes_of_a_job_are_bits_by_how_they_ended():
    read = read_outcomes([batch(outcome(0), outcome(2), outcome(1, "lapsed", 0)), batch(outcome(3))])
    assert read.jobs[KEY].bits == {SENT: 0b1101, LAPSED: 0b10}
    assert read.passed_over == 0


def test_the_first_of_two_outcomes_counts():
    read = read_outcomes([batch(outcome(5)), batch(outcome(5, "lapsed", 0), outcome(5))])
    assert read.jobs[KEY].bits == {SENT: 1 << 5}


def test_numbers_of_a_slice_begin_anywhere():
    read = read_outcomes([batch(*(outcome(number) for number in range(5000, 6000)))])
    assert read.jobs[KEY].bits[SENT].bit_count() == 1000


def test_outcomes_without_a_number_are_told_by_their_recipient():
    read = read_outcomes(
        [batch(outcome(None, recipient_id="sub_9"), outcome(None, "lapsed", 0, recipient_id="sub_9"))]
    )
    assert read.jobs[KEY].unnumbered == {"sub_9": SENT}
    assert read.jobs[KEY].bits == {}


def test_subscribers_whose_keys_are_unusable_are_noted():
    read = read_outcomes(
        [
            batch(
                outcome(7, "invalid", detail="bad_keys"),
                outcome(8, "invalid", detail="no_vapid_key"),
                outcome(9, "unauthorized", detail="bad_keys"),
                outcome(10, "invalid", detail="bad_keys", recipient_id="somebody"),
            )
        ]
    )
    assert read.jobs[KEY].bad_keys == {7}


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"[]",
        batch(outcome(0), launch="camp_1"),
        batch(outcome(0), site_id="shop"),
        batch(outcome(0), job_id="launch_4_abcdefgh.0"),
        batch(outcome(0), job="x"),
        batch(outcome(0), job="٣"),
        batch(outcome(0), job=2**31),
        batch(outcome(0), job="9" * 5000),
        batch(outcome(0, attempts="1")),
        batch(outcome(-1)),
    ],
    ids=range(13),
)
def test_what_is_not_of_this_service_is_passed_over(value: bytes | None):
    read = read_outcomes([value, batch(outcome(0))])
    assert read.passed_over == 1
    assert [*read.jobs] == [KEY]


def test_an_unknown_status_is_passed_over_by_itself():
    read = read_outcomes([batch(outcome(0, "teleported"), outcome(1))])
    assert read.passed_over == 1
    assert read.jobs[KEY].bits == {SENT: 0b10}


def test_only_what_is_not_known_is_new():
    [job] = read_outcomes([batch(outcome(0), outcome(1), outcome(2, "lapsed", 0))]).jobs.values()
    new = new_outcomes(job, 0b1001)
    assert new.bits == 0b1111
    assert new.counts == {SENT: 1, LAPSED: 1}
    assert new_outcomes(job, new.bits) == (new.bits, {})


def test_changes_are_by_launch_and_status():
    [job] = read_outcomes([batch(outcome(0), outcome(1, attempts=0), outcome(2, "failed"))]).jobs.values()
    counts = new_outcomes(job, 0).counts
    assert [*changes({3: counts, 2: counts})] == [
        Counted(2, "failed", 1, 1),
        Counted(2, "sent", 2, 1),
        Counted(3, "failed", 1, 1),
        Counted(3, "sent", 2, 1),
    ]


@given(st.sets(st.integers(0, 1023)))
def test_bitmaps_are_kept_as_short_as_they_can_be(numbers: set[int]):
    bits = sum(1 << number for number in numbers)
    assert from_bytes(to_bytes(bits)) == bits
    assert len(to_bytes(bits)) == (max(numbers) // 8 + 1 if numbers else 0)
    assert from_bytes(to_bytes(bits) + b"\0") == bits
