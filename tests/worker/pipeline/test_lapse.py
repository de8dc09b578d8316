"""Why a message lapsed, on the whole path: in memory, in tiers, across owners."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.pipeline.simulated import TIERS_AND_JOBS, Kafka, Worker, always, run
from tests.worker.pipeline.support import (
    LATER,
    OK,
    UNAVAILABLE,
    answered,
    at,
    control,
    later,
    outcomes,
    people,
    published,
)
from tests.worker.support import JOBS, NOW, FixedEntropy, job, make_pipeline, recipient, record, restored


def details(pipeline, now=NOW):
    return [(each["status"], each["detail"]) for each in outcomes(published(pipeline, now))]


def came(value, at, timestamp=NOW):
    return msgspec.structs.replace(record(value, timestamp=timestamp), came_at=at)


PRODUCED_LATE, LATE, RETRIED = ("lapsed", "produced_late"), ("lapsed", "late"), ("lapsed", "retried")


@pytest.mark.parametrize(
    ("came_at", "end"), [(NOW - 90, LATE), (NOW - 30, LATE), (NOW - 29, PRODUCED_LATE), (NOW, PRODUCED_LATE)]
)
def test_a_backlog_here_is_told_from_a_clock_that_is_slow(came_at, end):
    pipeline = make_pipeline()
    pipeline.accept(came(job(ttl=60), came_at, NOW - 90), NOW)
    assert details(pipeline) == [end]


def test_what_came_as_it_was_accepted_had_lapsed_before():
    pipeline = make_pipeline()
    pipeline.accept(record(job(ttl=60), timestamp=NOW - 90), NOW)
    assert details(pipeline) == [PRODUCED_LATE]


@pytest.mark.parametrize("came_at", [NOW, NOW + 200, NOW + 1e9])
def test_what_waits_in_memory_until_it_lapses_is_late(came_at):
    pipeline = make_pipeline()
    pipeline.accept(came(job(ttl=60), came_at), NOW)
    assert pipeline.dispatch(NOW + 61, 10) == []
    assert details(pipeline) == [LATE]


def test_what_was_attempted_and_then_waits_in_memory_until_it_lapses_was_retried():
    pipeline = make_pipeline(entropy=FixedEntropy(jitter=0.1))
    pipeline.accept(record(job(ttl=60)), NOW)
    answered(pipeline, UNAVAILABLE)
    assert pipeline.dispatch(NOW + 61, 10) == []
    assert details(pipeline) == [RETRIED]


@pytest.mark.parametrize(("attempts", "end"), [(0, LATE), (1, RETRIED)])
def test_what_lapses_in_a_tier_was_in_time_when_it_came(attempts, end):
    pipeline = make_pipeline(LATER)
    person = recipient("a", attempts=attempts, due_at=at(NOW - 90))
    value = job(person, ttl=60, start_at=at(NOW - 90), stretch_time=0, lane="normal")
    pipeline.accept(record(value, LATER), NOW)
    assert details(pipeline) == [end]


@pytest.mark.parametrize(("paused_until", "end"), [(NOW + 5, ("sent", None)), (NOW + 40, LATE)])
def test_a_pause_past_the_end_makes_it_late(paused_until, end):
    post, _ = always(OK)
    kafka = Kafka()
    kafka.append(JOBS, job(not_after=at(NOW + 30)), NOW)
    worker = Worker(kafka, TIERS_AND_JOBS, NOW, post)
    worker.pipeline.control(control("paused", NOW), NOW)
    now = run([worker], NOW, paused_until)
    worker.pipeline.control(control("running", now, now - NOW), now)
    run([worker], now)
    assert [(each["status"], each["detail"]) for each in kafka.outcomes] == [end]


@pytest.mark.parametrize(("settled_before", "end"), [(True, LATE), (False, PRODUCED_LATE)])
def test_what_an_earlier_owner_had_taken_up_was_in_time(settled_before, end):
    """The map of the last commit shows that it had: something of the record, or behind it, is settled."""
    first = make_pipeline(JOBS)
    value = job(*people(2), ttl=60)
    first.accept(record(value), NOW)
    if settled_before:
        [flight, _] = first.dispatch(NOW, 2)
        first.land([flight], OK, NOW)
    batch = first.checkpoint(NOW)
    commit = batch.checkpoint.commits[JOBS]
    heir = make_pipeline("none")
    heir.assign(JOBS, restored(commit))
    heir.accept(record(value), NOW + 3600)  # an hour without a worker
    assert set(details(heir)) == {end}


def test_a_record_between_two_that_are_done_was_taken_up_too():
    first = make_pipeline(JOBS)
    for offset, fields in enumerate([{"start_at": at(NOW + 10)}, {}]):
        first.accept(record(job(ttl=60, job_id=f"j{offset}", **fields), offset=offset), NOW)
    answered(first)
    commit = first.checkpoint(NOW).checkpoint.commits[JOBS]
    heir = make_pipeline("none")
    heir.assign(JOBS, restored(commit))
    heir.accept(record(job(ttl=60, start_at=at(NOW + 10))), NOW + 3600)
    assert details(heir) == [LATE]


def test_a_life_that_ends_before_it_begins_was_produced_so():
    pipeline = make_pipeline()
    pipeline.accept(record(job(start_at=at(NOW + 3600), not_after=at(NOW + 60))), NOW)
    assert details(pipeline) == [PRODUCED_LATE]


def test_a_journey_through_the_tiers_is_late_however_it_began():
    post, _ = always(OK)
    kafka = Kafka()
    kafka.append(JOBS, job(start_at=at(NOW + 90), ttl=60), NOW)
    worker = Worker(kafka, TIERS_AND_JOBS, NOW, post)
    now = run([worker], NOW, NOW + 1)
    assert later({"later.1m": kafka.logs[TIERS_AND_JOBS[3]]}, "later.1m")
    run([Worker(kafka, TIERS_AND_JOBS, now + 3600, post)], now + 3600)
    assert [(each["status"], each["detail"]) for each in kafka.outcomes] == [LATE]


@given(
    st.floats(-200, 200),
    st.floats(-200, 10),
    st.sampled_from([0, 60, 100]),
    st.none() | st.floats(-100, 100),
    st.none() | st.floats(-100, 100),
)
def test_only_what_had_lapsed_when_it_came_was_produced_late(written, came_at, ttl, start, not_after):
    said = {} if start is None else {"start_at": at(NOW + start)}
    said |= {} if not_after is None else {"not_after": at(NOW + not_after)}
    pipeline = make_pipeline()
    pipeline.accept(came(job(ttl=ttl, **said), NOW + came_at, NOW + written), NOW)
    for each in outcomes(published(pipeline)):
        due = written if start is None else start
        end = min(due + max(ttl, 60), 1e9 if not_after is None else not_after)
        assert each["status"] == "lapsed"
        assert end < 0 or due > end
        if abs(end - min(came_at, 0)) > 1e-5 and abs(due - end) > 1e-5:
            assert (each["detail"] == "produced_late") == (end < min(came_at, 0) or due > end)
