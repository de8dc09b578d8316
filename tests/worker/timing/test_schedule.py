from collections import Counter
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.records.job import SendJob, Slice, decode_later
from worker.records.recipient import EncodedKeys, LaterRecipient, Recipient, Subscription, Unreadable
from worker.records.values import encode_json, moment
from worker.timing.schedule import (
    TTL_MAX,
    Plan,
    Times,
    ends_at,
    lapses_at,
    make_plan,
    number_of,
    times,
    ttl_left,
)

patient = settings(deadline=None)  # a busy machine is no failure
NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)
T = NINE.timestamp()
HOUR = 3600.0
SUBSCRIPTION = Subscription("https://push.example/a", EncodedKeys("p", "a"))
A = Recipient("a", SUBSCRIPTION)


def job_of(**fields):
    return SendJob(v=1, job_id="j", campaign_id="c", site_id="s", recipients=[A], payload="", **fields)


def plan_of(written_at=T, default_stretch=0.0, **fields):
    return make_plan(job_of(**fields), written_at, default_stretch)


def due(plan, recipient=A, index=0, shift=0.0):
    return times(plan, recipient, index, shift).due


def recipient(**fields):
    return Recipient(fields.pop("id", "a"), SUBSCRIPTION, **fields)


def later(**fields):
    return LaterRecipient(id="a", subscription=SUBSCRIPTION, **{"attempts": 0} | fields)


# ── the plan ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_writes_every_default_out():
    assert plan_of(T, 7.0) == Plan(T, 7.0, 0, 0, 2_419_200, inf, "c")
    full = {
        "start_at": NINE + timedelta(hours=1),
        "stretch_time": 0.0,
        "ttl": 60,
        "not_after": NINE,
        "slice": Slice(2, 5),
    }
    assert plan_of(T, 7.0, **full) == Plan(T + HOUR, 0.0, 2, 5, 60, T, "c")


def test_without_anything_a_recipient_is_due_when_its_job_was_written():
    assert times(plan_of(T + 5), A, 0) == Times(T + 5, T + 5, 0)


# ── due times ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("first", "index", "wait"), [(0, 0, 0), (0, 1, 180), (200, 0, 36_000), (99, 0, 17_820), (0, 99, 17_820)]
)
def test_slice_numbers_count_from_zero(first, index, wait):
    plan = plan_of(stretch_time=18_000.0, slice=Slice(first, 100))
    assert times(plan, A, index) == Times(T + wait, T + wait, first + index)


def test_a_slice_spreads_evenly_and_ends_before_the_stretch_is_over():
    dues = [due(plan_of(stretch_time=HOUR, slice=Slice(0, 3600)), A, index) for index in range(3600)]
    assert dues == [T + second for second in range(3600)]


def test_without_slice_the_spread_is_even():
    plan = plan_of(stretch_time=1000.0)
    slots = Counter(int((due(plan, recipient(id=f"sub_{n}")) - T) // 10) for n in range(20_000))
    assert set(slots) == set(range(100))
    chi_square = sum((count - 200) ** 2 / 200 for count in slots.values())
    assert chi_square < 149  # 99 degrees of freedom, p = 0.001; the ids are fixed, so it never flickers


def test_without_slice_the_place_depends_on_campaign_and_recipient_alone():
    plan = plan_of(stretch_time=1000.0)
    assert due(plan, A, 0) == due(plan, A, 7) == due(plan, recipient(variables={"x": 1}), 3)
    assert due(plan) != due(plan, recipient(id="b"))
    other = make_plan(SendJob(1, "j", "c2", "s", [A], payload="", stretch_time=1000.0), T, 0.0)
    assert due(plan) != due(other)


def test_the_hash_never_changes():
    # A restart, another version, another machine: what was planned for tomorrow stays where it is.
    assert due(plan_of(stretch_time=1000.0)) - T == pytest.approx(883.3682, abs=0.001)


@patient
@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.booleans())
def test_nobody_is_due_before_not_before(offset, stretch, sliced):
    not_before = NINE + timedelta(seconds=offset)
    plan = plan_of(stretch_time=stretch, slice=Slice(3, 9) if sliced else None)
    planned = due(plan)
    found = times(plan, recipient(not_before=not_before), 0)
    assert found.due == found.next == max(planned, not_before.timestamp())


def test_a_shift_moves_what_is_planned_but_not_not_before():
    plan = plan_of(stretch_time=100.0, slice=Slice(50, 100))
    assert due(plan, shift=HOUR) == T + HOUR + 50
    assert due(plan, recipient(not_before=NINE + timedelta(seconds=60)), shift=HOUR) == T + HOUR + 50
    assert due(plan, recipient(not_before=NINE + timedelta(hours=2)), shift=HOUR) == T + 2 * HOUR


# ── tiers ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_recipient_out_of_a_tier_keeps_its_number():
    plan = plan_of(stretch_time=100.0, slice=Slice(50, 100))
    assert times(plan, later(number=73), 0) == Times(T + 73, T + 73, 73)
    assert times(plan, later(), 2) == Times(T + 52, T + 52, 52)
    assert times(plan, later(number=73), 0, HOUR).due == T + HOUR + 73


def test_a_number_means_nothing_for_the_due_time_where_there_is_no_slice():
    plan = plan_of(stretch_time=100.0)
    assert times(plan, later(number=3), 0).due == times(plan, later(), 0).due == times(plan, A, 0).due
    assert times(plan, later(number=3), 0).number == 3


def test_a_place_that_a_tier_did_not_keep_is_not_made_up():
    # 0.1.0 wrote none without a slice, and an index in a tier's record is not the index in the job.
    assert times(plan_of(), later(), 0).number is None


@patient
@given(st.none() | st.integers(0, 1000), st.integers(0, 999))
def test_a_number_is_the_place_in_the_job(first, index):
    plan = plan_of(slice=None if first is None else Slice(first, 2000))
    unreadable = Unreadable("a", "bad_keys")
    assert number_of(plan, A, index) == number_of(plan, unreadable, index) == (first or 0) + index
    assert times(plan, A, index).number == (first or 0) + index


def test_one_that_was_tried_keeps_its_due_time_whatever_else_moves():
    plan = plan_of(stretch_time=100.0, slice=Slice(50, 100))
    tried = later(number=73, attempts=2, due_at=NINE, not_before=NINE + timedelta(seconds=40))
    assert times(plan, tried, 0) == times(plan, tried, 5, HOUR) == Times(T, T + 40, 73)
    assert times(plan, later(due_at=NINE, attempts=1), 0).next == T
    assert times(plan, later(due_at=NINE, attempts=1, not_before=NINE - timedelta(hours=1)), 0).next == T


moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware


@patient
@given(st.none() | moments, st.floats(1.6e9, 2e9), st.floats(0, 1e6), st.none() | moments, st.integers(0, 8))
def test_a_round_trip_through_a_tier_changes_no_moment(start_at, written_at, stretch, not_before, index):
    for piece in (None, Slice(1, 9)):
        plan = plan_of(written_at, start_at=start_at, stretch_time=stretch, slice=piece)
        before = times(plan, recipient(not_before=not_before), index)
        value = {
            "v": 1,
            "job_id": "j",
            "campaign_id": "c",
            "site_id": "s",
            "payload": "",
            "ttl": 60,
            "lane": "normal",
            "start_at": moment(plan.start),
            "stretch_time": plan.stretch,
            "recipients": [later(number=before.number, not_before=not_before)],
        }
        job = decode_later(encode_json(value | ({"slice": piece} if piece else {}))).job
        after = times(make_plan(job, 0.0, 99.0), job.recipients[0], 0)
        assert 0 <= after.due - before.due <= 2e-6  # the wire holds microseconds, and nothing goes early
        assert after.number == before.number


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z"]
)
def test_any_start_that_can_be_read_can_be_written(text):
    start = datetime.fromisoformat(text)
    plan = plan_of(start_at=start, stretch_time=1000.0)
    for seconds in (plan.start, due(plan), plan.start + 10 * 365 * 86_400):
        assert abs(moment(seconds).timestamp() - seconds) <= 10 * 365 * 86_400 + 14 * HOUR
    assert encode_json(moment(plan.start))


@patient
@given(st.floats(0, 4e9))
def test_moments_are_utc_and_exact_to_the_microsecond(seconds):
    assert moment(seconds).tzinfo is UTC
    assert moment(seconds).timestamp() == pytest.approx(seconds, abs=1e-6)
    assert moment(moment(seconds).timestamp()) == moment(seconds)


@given(st.floats(-62_135_596_800, 253_402_300_799))
@example(1_800_000_000.0000002)
def test_what_is_written_out_is_never_earlier(seconds):
    assert 0 <= moment(seconds).timestamp() - seconds <= 1e-6 + abs(seconds) * 2**-52


# ── a message's life ────────────────────────────────────────────────────────────────────────────────────


def test_ttl_counts_from_a_recipients_own_due_time():
    plan = plan_of(ttl=3600, stretch_time=18_000.0, slice=Slice(0, 100))
    for index in range(100):  # a stretch longer than the ttl lapses nobody
        at = due(plan, A, index)
        assert ttl_left(plan, at, at) == 3600
        assert lapses_at(plan, at, 0) == at + 3600
    assert due(plan, A, 99) > T + 3600


@pytest.mark.parametrize(
    ("ttl", "not_after", "attempts", "ends"),
    [
        (3600, None, 0, 3600),
        (3600, None, 1, 3600),
        (30, None, 0, 60),  # the grace of a first attempt
        (30, None, 1, 30),
        (0, None, 0, 60),
        (0, None, 1, 0),
        (3600, 100, 0, 100),
        (3600, 100, 1, 100),
        (0, 20, 0, 20),  # not_after is absolute
        (0, -5, 0, -5),
        (3600, -5, 3, -5),
    ],
)
def test_when_a_message_lapses(ttl, not_after, attempts, ends):
    plan = plan_of(ttl=ttl, not_after=None if not_after is None else NINE + timedelta(seconds=not_after))
    assert lapses_at(plan, T, attempts) == T + ends


@pytest.mark.parametrize(
    ("ttl", "not_after", "passed", "left"),
    [
        (3600, None, 0, 3600),
        (3600, None, 0.5, 3599),
        (3600, None, 3599.5, 0),
        (3600, None, 4000, 0),
        (3600, 60, 10, 50),
        (10, 60, 0, 10),
        (0, None, 0, 0),
        (0, None, 30, 0),
        (2**31 - 1, None, 0, 2_419_200),  # what push services lower it to
        (5_184_000, None, 5_184_000 - 2_419_200, 2_419_200),
        (5_184_000, None, 5_184_000 - 2_419_200 + 0.5, 2_419_199),
        (2_419_200, None, 0, 2_419_200),
        (5_184_000, 60, 0, 60),
        (3600, -5, 0, 0),
    ],
)
def test_what_is_left_of_a_ttl(ttl, not_after, passed, left):
    plan = plan_of(ttl=ttl, not_after=None if not_after is None else NINE + timedelta(seconds=not_after))
    assert ttl_left(plan, T, T + passed) == left


@patient
@given(st.integers(0, 2**31 - 1), st.none() | moments, st.floats(0, 1e9), st.integers(0, 9))
def test_an_attempt_in_time_never_asks_for_more_than_is_left(ttl, not_after, passed, attempts):
    plan = plan_of(ttl=ttl, not_after=not_after)
    now = T + passed
    assert 0 <= ttl_left(plan, T, now) <= min(ttl, TTL_MAX)
    assert now + ttl_left(plan, T, now) <= max(now, ends_at(plan, T) + 1e-6)
    assert ends_at(plan, T) <= lapses_at(plan, T, 0) <= (not_after.timestamp() if not_after else inf)
    assert lapses_at(plan, T, attempts + 1) <= lapses_at(plan, T, attempts)
