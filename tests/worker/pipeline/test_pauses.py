"""Pausing, resuming and cancelling campaigns."""

import random
from collections import Counter

import pytest

from tests.worker.pipeline.simulated import alone, always, run
from tests.worker.pipeline.support import (
    GONE,
    LATER,
    OK,
    answered,
    at,
    control,
    deferred,
    later,
    names,
    outcomes,
    people,
    published,
    statuses,
)
from tests.worker.support import (
    JOBS,
    NOW,
    FixedEntropy,
    job,
    make_pipeline,
    recipient,
    record,
)
from worker.push.answers import PushResponse
from worker.timing.tiers import HORIZON

# ── pauses ──────────────────────────────────────────────────────────────────────────────────────────────


def spread_over(count, seconds, prefix="r", **fields):
    return job(
        *people(count, prefix), stretch_time=seconds, slice={"first": 0, "total": count}, payload="", **fields
    )


def test_nothing_of_a_paused_campaign_goes_out_and_the_others_do(metrics):
    pipeline = make_pipeline(metrics=metrics)
    pipeline.accept(record(spread_over(10, 10)), NOW)
    pipeline.accept(record(job(*people(5, "o"), campaign_id="camp_2"), offset=1), NOW)
    pipeline.control(control("paused", NOW), NOW)
    assert pipeline.buffered == 5
    assert names(answered(pipeline, now=NOW + 20)) == ["o0", "o1", "o2", "o3", "o4"]
    assert deferred(metrics, "paused") == {"10s": 10}
    pipeline.accept(record(job(recipient("new")), offset=2), NOW + 20)
    assert pipeline.dispatch(NOW + 20, 10) == []
    assert deferred(metrics, "paused") == {"10s": 11}
    (first, second) = later(published(pipeline))
    assert [person["attempts"] for person in first["recipients"]] == [0] * 10
    assert all("due_at" not in person for person in first["recipients"] + second["recipients"])


@pytest.mark.parametrize(
    ("paused_for", "wait", "tier"),
    [(0, 0, "10s"), (99, 0, "10s"), (150, 0, "1m"), (700, 0, "10m"), (9000, 0, "1h"), (0, 4000, "1h")],
)
def test_a_pause_rests_longer_the_longer_it_is_and_no_shorter_than_the_plan(metrics, paused_for, wait, tier):
    pipeline = make_pipeline(LATER, metrics=metrics)
    pipeline.control(control("paused", NOW), NOW)
    written_out = {"start_at": at(NOW + wait), "stretch_time": 0, "ttl": 86_400, "lane": "normal"}
    value = job(recipient("a", attempts=0), **written_out)
    pipeline.accept(record(value, LATER), NOW + paused_for)
    assert deferred(metrics, "paused") == {tier: 1}


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_a_recalled_request_of_a_campaign_that_may_not_go_stays_back(state):
    pipeline = make_pipeline()
    pipeline.accept(record(job()), NOW)
    (flight,) = pipeline.dispatch(NOW, 10)
    pipeline.control(control(state, NOW), NOW)
    pipeline.recall(flight, NOW)
    assert pipeline.dispatch(NOW + 30, 10) == []
    assert pipeline.buffered == 0
    assert set(published(pipeline)) == {"later.10s" if state == "paused" else "outcomes"}


def test_what_is_in_flight_at_a_pause_ends_with_its_answer_and_a_retry_rests():
    pipeline = make_pipeline(entropy=FixedEntropy(jitter=0.0))
    pipeline.accept(record(job(*people(2))), NOW)
    first, second = pipeline.dispatch(NOW, 10)
    pipeline.control(control("paused", NOW), NOW)
    pipeline.land([first], OK, NOW + 1)
    pipeline.land([second], PushResponse(500), NOW + 1)
    topics = published(pipeline)
    assert statuses(topics) == {"r0": "sent"}
    assert [person["attempts"] for person in later(topics)[0]["recipients"]] == [1]


class SeededEntropy(FixedEntropy):
    """Random, but the same every time."""

    def __init__(self):
        super().__init__()
        self.jitter = random.Random(1).random


def paced(pause, *, stretch=600, count=600, **fields):
    """Spread a campaign, pause it after a third for some seconds, resume it with its shift."""
    post, sent = always(OK)
    kafka, worker = alone(post, spread_over(count, stretch, **fields), entropy=SeededEntropy())
    kafka.append(JOBS, spread_over(600, stretch, prefix="o", campaign_id="camp_2"), NOW)
    stop = NOW + stretch / 3 + 0.5
    now = run([worker], NOW, stop)
    worker.pipeline.control(control("paused", stop), now)
    now = run([worker], now, stop + pause)
    worker.pipeline.control(control("running", stop + pause, shift=pause), now)
    run([worker], now)
    moments = {name: times[0] for name, times in sent.items() if name.startswith("r")}
    assert not any(stop < moment < stop + pause for moment in moments.values())
    assert all(0 <= sent[f"o{n}"][0] - (NOW + stretch * n / 600) < 0.2 for n in range(600))
    return kafka, {int(name[1:]): moment for name, moment in moments.items()}


@pytest.mark.parametrize(("pause", "rest"), [(20, 10), (90, 10), (400, 60), (5000, 600)])
def test_after_a_pause_a_campaign_goes_on_at_its_pace(pause, rest):
    kafka, moments = paced(pause)
    assert Counter(outcome["status"] for outcome in kafka.outcomes) == {"sent": 1200}
    late = {n: moments[n] - (NOW + n + (pause if n > 200 else 0)) for n in range(600)}
    back = {n: min(rest, HORIZON) for n in late if late[n] >= 0.2}  # spread over as long as it came back late
    assert all(0 <= seconds < rest + 1 + back.get(n, 0) for n, seconds in late.items())
    on_time = [n for n in late if late[n] < 0.2]
    assert {n for n in range(600) if not 200 <= n <= 200 + rest} <= set(on_time)


@pytest.mark.parametrize(("pause", "most"), [(12, 40), (20, 40), (110, 90), (5000, 60)])
def test_no_burst_follows_a_pause(pause, most):
    _, moments = paced(pause, count=1000, stretch=100)  # ten a second, of which 667 are left after the pause
    a_second = Counter(int(moment - NOW) for moment in moments.values())
    assert max(a_second.values()) <= most


@pytest.mark.parametrize("pause", [20, 400, 5000])
@pytest.mark.parametrize("ttl", [0, 30, 70])
def test_a_pause_lapses_nobody_who_was_not_tried(pause, ttl):
    kafka, moments = paced(pause, ttl=ttl, stretch=60, count=60)
    assert len(moments) == 60
    assert {outcome["status"] for outcome in kafka.outcomes} == {"sent"}


def test_a_recipients_own_moment_does_not_shift():
    pipeline = make_pipeline()
    pipeline.control(control("running", NOW, shift=100.0), NOW)
    own = recipient("own", not_before=at(NOW + 5))
    pipeline.accept(record(job(own, recipient("plain"), start_at=at(NOW - 200))), NOW)
    assert names(answered(pipeline)) == ["plain"]
    assert names(answered(pipeline, now=NOW + 5)) == ["own"]


def test_a_shift_that_arrives_late_moves_what_waits_in_memory():
    pipeline = make_pipeline()
    pipeline.accept(record(job(start_at=at(NOW + 5))), NOW)
    pipeline.control(control("running", NOW, shift=8.0), NOW)
    assert pipeline.dispatch(NOW + 12.9, 10) == []
    assert len(answered(pipeline, now=NOW + 13)) == 1


def test_a_shift_keeps_what_was_tried_where_it_was():
    pipeline = make_pipeline(entropy=FixedEntropy(jitter=0.1))
    pipeline.accept(record(job()), NOW)
    answered(pipeline, PushResponse(500))
    pipeline.control(control("running", NOW, shift=8.0), NOW)
    (flight,) = answered(pipeline, now=NOW + 3)
    assert flight.delivery.attempts == 1
    assert outcomes(published(pipeline))[0]["attempts"] == 2


def test_a_tombstone_lets_a_campaign_run_as_planned():
    pipeline = make_pipeline()
    pipeline.control(control("paused", NOW), NOW)
    pipeline.release("camp_1")
    pipeline.accept(record(job()), NOW)
    assert len(answered(pipeline)) == 1


# ── cancelling ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_cancelled_campaign_ends_at_once_in_memory_and_when_it_comes_out_of_a_tier():
    pipeline = make_pipeline(JOBS, LATER)
    pipeline.accept(record(spread_over(10, 10)), NOW)
    pipeline.accept(record(job(*people(3, "o"), campaign_id="camp_2"), offset=1), NOW)
    pipeline.control(control("cancelled", NOW), NOW)
    assert statuses(published(pipeline)) == {f"r{number}": "cancelled" for number in range(10)}
    tried = recipient("tried", attempts=2, due_at=at(NOW), not_before=at(NOW + 500))
    value = job(tried, start_at=at(NOW), stretch_time=0, ttl=60, lane="normal")
    pipeline.accept(record(value, LATER), NOW + 100)
    (outcome,) = outcomes(published(pipeline))
    assert (outcome["status"], outcome["attempts"]) == ("cancelled", 2)
    assert len(answered(pipeline, now=NOW)) == 3


@pytest.mark.parametrize(
    ("answer", "status"), [(OK, "sent"), (GONE, "expired"), (PushResponse(500), "cancelled")]
)
def test_what_is_in_flight_when_it_is_cancelled_ends_with_its_answer(answer, status):
    pipeline = make_pipeline()
    pipeline.accept(record(job()), NOW)
    (flight,) = pipeline.dispatch(NOW, 10)
    pipeline.control(control("cancelled", NOW), NOW)
    pipeline.land([flight], answer, NOW + 1)
    (outcome,) = outcomes(published(pipeline))
    assert (outcome["status"], outcome["attempts"]) == (status, 1)


def test_to_resume_what_was_cancelled_brings_nothing_back():
    pipeline = make_pipeline()
    pipeline.accept(record(spread_over(10, 10)), NOW)
    pipeline.control(control("cancelled", NOW), NOW)
    pipeline.control(control("running", NOW), NOW)
    assert pipeline.dispatch(NOW + 60, 10) == []
    assert len(outcomes(published(pipeline))) == 10
    pipeline.accept(record(job(recipient("new")), offset=1), NOW)
    assert names(answered(pipeline)) == ["new"]
