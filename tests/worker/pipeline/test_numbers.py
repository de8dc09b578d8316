"""A recipient's number in its outcome: its place in the job as that was produced, whatever happened since."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.worker.pipeline.simulated import TIERS_AND_JOBS, Kafka, Worker, run
from tests.worker.pipeline.support import GONE, LATER, OK, UNAVAILABLE, at, outcomes, published
from tests.worker.support import JOBS, NOW, job, make_pipeline, recipient, record
from worker.pipeline.intake import take_in
from worker.pipeline.publication import LATER_MAX_BYTES
from worker.push.verdict import Settled
from worker.records.job import RECIPIENT_MAX_BYTES, Unreadable
from worker.records.outcome import Status
from worker.records.topics import BY_TOPIC

TOO_LARGE = RECIPIENT_MAX_BYTES


def person(name, kind):
    """One recipient of a kind: how it ends, and over which way."""
    match kind:
        case "unreadable":
            return {"id": name, "subscription": {"endpoint": "https://fcm.googleapis.com/x"}}
        case "elsewhere":
            subscription = recipient()["subscription"] | {"endpoint": "https://elsewhere.example/x"}
            return recipient(name) | {"subscription": subscription}
        case "huge":
            return recipient(name, variables={"text": "x" * TOO_LARGE})
        case "bulky":  # a few of them fill a record of a tier
            return recipient(name, variables={"text": "x" * (LATER_MAX_BYTES // 5)})
        case "later":
            return recipient(name, not_before=at(NOW + 90))
        case _:
            return recipient(name)


KINDS = ("sent", "gone", "retried", "later", "bulky", "unreadable", "elsewhere", "huge")


def post(flight, _now):
    kind = flight.delivery.recipient.id.partition("-")[0]
    if kind == "retried" and flight.delivery.attempts < 2:
        return UNAVAILABLE, 0.1
    return (GONE if kind == "gone" else OK), 0.1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=12),
    st.none() | st.integers(0, 5000),
    st.sampled_from([-100, 0, 30]),
    st.sampled_from([0, 0, 600]),
    st.lists(st.floats(0, 60), max_size=3),
)
def test_whatever_way_a_recipient_takes_its_number_is_its_place_in_the_job(
    kinds, first, start, stretch, ends
):
    names = [f"{kind}-{index}" for index, kind in enumerate(kinds)]
    people = [person(name, kind) for name, kind in zip(names, kinds, strict=True)]
    fields = {} if first is None else {"slice": {"first": first, "total": first + len(names) + 7}}
    kafka = Kafka()
    kafka.append(JOBS, job(*people, start_at=at(NOW + start), stretch_time=stretch, **fields), NOW)
    now = NOW
    for seconds in ends:  # workers that end, one after another: each restores what the last one committed
        worker = Worker(kafka, TIERS_AND_JOBS, now, post)
        now = run([worker], now, now + seconds)
        worker.pipeline.hand_back(now)
        while worker.pipeline.unacknowledged:
            worker.checkpoint(now)
    run([Worker(kafka, TIERS_AND_JOBS, now, post)], now)
    found = {(outcome["recipient_id"], outcome["number"]) for outcome in kafka.outcomes}
    assert found == {(name, (first or 0) + index) for index, name in enumerate(names)}


def test_a_record_of_a_tier_that_is_split_keeps_every_number():
    kafka = Kafka()
    people = [person(f"bulky-{index}", "bulky") for index in range(20)]
    kafka.append(JOBS, job(*people, start_at=at(NOW + 30)), NOW)
    run([Worker(kafka, TIERS_AND_JOBS, NOW, post)], NOW)
    records = [each for place, log in kafka.logs.items() if place.topic in BY_TOPIC for each in log]
    assert len(records) > 1
    assert {(each["recipient_id"], each["number"]) for each in kafka.outcomes} == {
        (f"bulky-{index}", index) for index in range(20)
    }


def ended(*people, **fields):
    """Return the outcomes of a tier's record."""
    value = job(*people, start_at=at(NOW), stretch_time=0, lane="normal", ttl=600, **fields)
    pipeline = make_pipeline(LATER)
    pipeline.accept(record(value, LATER), NOW)
    for flight in pipeline.dispatch(NOW, 100):
        pipeline.land([flight], OK, NOW)
    return outcomes(published(pipeline))


def test_what_0_1_0_put_into_a_tier_without_a_slice_has_no_number():
    found = ended(recipient("a", attempts=0), recipient("b", attempts=1))
    assert [(each["recipient_id"], each["number"]) for each in found] == [("a", None), ("b", None)]


def test_what_0_1_0_put_into_a_tier_with_a_slice_has_its_number():
    found = ended(recipient("a", attempts=0, number=73), slice={"first": 50, "total": 100})
    assert [each["number"] for each in found] == [73]


def test_one_that_cannot_be_sent_to_any_more_keeps_its_number_and_its_attempts():
    (found,) = ended(person("a", "elsewhere") | {"attempts": 3, "number": 9})
    assert (found["status"], found["number"], found["attempts"]) == ("invalid", 9, 3)


@pytest.mark.parametrize("size", [TOO_LARGE - 400, TOO_LARGE])
def test_one_that_fitted_its_input_is_not_too_large_for_the_way_back(size):
    # What a tier adds to it, and numbers that are written out longer, must not cost it its push.
    people = [recipient(name, attempts=0, variables={"text": "x" * size}) for name in ("a", "b")]
    assert len(json.dumps(people[0])) < TOO_LARGE + 1000
    assert [each["detail"] for each in ended(*people)] == [None, None]


def test_an_unreadable_one_in_a_tier_has_no_number_rather_than_a_wrong_one():
    value = job(
        recipient("a", attempts=0, number=7), start_at=at(NOW), stretch_time=0, lane="normal", ttl=600
    )
    taken = take_in(record(value, LATER), 0.0)
    unreadable = replace(taken, recipients=[Unreadable("a", "bad_recipient")])
    pipeline = make_pipeline(LATER)
    entry = pipeline._ledger.open_record(LATER, 0, 1, taken.job)
    end = Settled(Status.INVALID, "bad_recipient")
    pipeline._settlement.settle_unsendable(unreadable, entry, [(0, end)], NOW)
    (found,) = outcomes(published(pipeline))
    assert (found["recipient_id"], found["number"]) == ("a", None)
