"""Where deliveries wait: in memory, or in which tier."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.worker.pipeline.simulated import TIERS_AND_JOBS, Kafka, Worker, alone, always, run
from tests.worker.pipeline.support import (
    HOUR,
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
    URGENT,
    job,
    make_pipeline,
    recipient,
    record,
)
from worker.metrics import Metrics
from worker.records.control import State
from worker.records.topics import BY_TOPIC
from worker.timing.schedule import FIRST_ATTEMPT_GRACE

# ── when they are due ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wait", "topic"),
    [(15.1, "later.10s"), (62, "later.1m"), (61, "later.10s"), (602, "later.10m"), (86_400, "later.1h")],
)
def test_what_is_not_due_goes_to_the_tier_that_does_not_overshoot(wait, topic):
    pipeline = make_pipeline()
    pipeline.accept(record(job(start_at=at(NOW + wait))), NOW)
    assert answered(pipeline, now=NOW + wait) == []
    (value,) = later(published(pipeline), topic)
    assert value["start_at"] == at(NOW + wait).replace("+00:00", "Z")
    assert value["recipients"][0]["attempts"] == 0


def test_what_is_due_soon_waits_in_memory_until_it_is_due():
    pipeline = make_pipeline()
    pipeline.accept(record(job(*people(2), stretch_time=10, slice={"first": 0, "total": 2})), NOW)
    assert [flight.delivery.recipient.id for flight in answered(pipeline)] == ["r0"]
    assert pipeline.next_due == NOW + 5
    assert answered(pipeline, now=NOW + 4.999) == []
    assert [flight.delivery.recipient.id for flight in answered(pipeline, now=NOW + 5)] == ["r1"]


def test_a_recipients_own_moment_counts():
    pipeline = make_pipeline()
    pipeline.accept(record(job(recipient("a", not_before=at(NOW + 5)), recipient("b"))), NOW)
    assert [flight.delivery.recipient.id for flight in answered(pipeline)] == ["b"]
    assert len(answered(pipeline, now=NOW + 5)) == 1


@pytest.mark.parametrize(
    ("said", "age", "ttl"),
    [
        ({"ttl": 100}, 0, "100"),
        ({"ttl": 100}, 30.5, "69"),
        ({"ttl": 100, "not_after": at(NOW + 50)}, 30, "20"),
        ({"ttl": 0}, 0, "0"),
        ({"ttl": 10}, FIRST_ATTEMPT_GRACE, "0"),
        ({}, 0, "2419200"),
        ({"ttl": 5_184_000}, 0, "2419200"),
        ({"ttl": 5_184_000}, 5_184_000, "0"),  # it lives as long as its job says
    ],
)
def test_ttl_is_what_is_left(said, age, ttl):
    pipeline = make_pipeline()
    pipeline.accept(record(job(**said)), NOW)
    (flight,) = pipeline.dispatch(NOW + age, 10)
    assert flight.request.headers["TTL"] == ttl


def test_what_lapses_while_it_waits_for_its_turn_is_not_sent():
    pipeline = make_pipeline()
    pipeline.accept(record(job(not_after=at(NOW + 5))), NOW)
    assert pipeline.dispatch(NOW + 5.1, 10) == []
    assert outcomes(published(pipeline))[0]["status"] == "lapsed"


@pytest.mark.parametrize("wait", [5, 16, 90, 700, 3 * HOUR, 30 * HOUR])
def test_a_job_hops_through_the_tiers_and_goes_out_at_its_time(wait):
    post, sent = always(OK)
    kafka, worker = alone(post, job(start_at=at(NOW + wait)))
    run([worker], NOW)
    ((moment,),) = sent.values()
    assert 0 <= moment - (NOW + wait) < 1
    assert [outcome["status"] for outcome in kafka.outcomes] == ["sent"]


def test_a_job_behind_a_long_campaign_goes_out_at_once():
    post, sent = always(OK)
    kafka = Kafka()
    for first in range(0, 10_000, 1000):
        kafka.append(JOBS, job(*people(1000, "slow", first), stretch_time=5 * HOUR, payload=""), NOW)
    kafka.append(JOBS, job(recipient("quick"), campaign_id="camp_2"), NOW)
    worker = Worker(kafka, TIERS_AND_JOBS, NOW, post)
    run([worker], NOW, NOW + 1)
    assert sent["quick"][0] - NOW < 0.5
    assert worker.pipeline.buffered < 100


def test_a_clock_that_is_five_minutes_fast_delays_nobody_else_in_a_tier():
    post, sent = always(OK)
    kafka = Kafka()
    written_out = {"start_at": at(NOW + 12), "stretch_time": 0, "ttl": 60, "lane": "normal"}
    for name, clock in (("fast", NOW + 300), ("other", NOW)):
        kafka.append(LATER, job(recipient(name, attempts=0), **written_out), clock)
    run([Worker(kafka, TIERS_AND_JOBS, NOW, post)], NOW)
    assert all(0 <= moment - (NOW + 12) < 1 for (moment,) in sent.values())
    assert set(sent) == {"fast", "other"}


def test_a_short_ttl_with_a_long_stretch_lapses_nobody():
    post, sent = always(OK)
    value = job(*people(300), ttl=3600, stretch_time=18_000, slice={"first": 0, "total": 300}, payload="")
    kafka, worker = alone(post, value)
    run([worker], NOW)
    assert Counter(outcome["status"] for outcome in kafka.outcomes) == {"sent": 300}
    assert all(0 <= sent[f"r{number}"][0] - (NOW + 60 * number) < 1 for number in range(300))


def test_the_lane_survives_a_tier():
    pipeline = make_pipeline(URGENT)
    pipeline.accept(record(job(start_at=at(NOW + 20)), URGENT), NOW)
    (value,) = later(published(pipeline))
    assert value["lane"] == "urgent"
    pipeline = make_pipeline(JOBS, LATER)
    pipeline.accept(record(job(recipient("first"))), NOW + 20)
    pipeline.accept(record(value, LATER), NOW + 20)
    assert [flight.delivery.recipient.id for flight in pipeline.dispatch(NOW + 20, 10)] == ["sub_1", "first"]


# ── the surplus of a site ───────────────────────────────────────────────────────────────────────────────


def test_a_site_that_holds_half_of_the_buffer_hands_its_surplus_on():
    pipeline = make_pipeline(buffered=4000)
    pipeline.accept(record(job(*people(900), site_id="small")), NOW)
    for offset in range(1, 4):
        pipeline.accept(record(job(*people(800), site_id="big"), offset=offset), NOW)
    assert pipeline.buffered == 900 + 2000
    topics = published(pipeline)
    assert sum(len(value["recipients"]) for value in later(topics)) == 400
    surplus = later(topics)[0]["recipients"]
    assert all(set(person) == {"id", "subscription", "attempts", "number"} for person in surplus)


def test_a_site_with_more_than_half_of_the_buffer_hands_its_surplus_on(metrics):
    pipeline = make_pipeline(buffered=4000, metrics=metrics)
    for offset in range(3):
        pipeline.accept(record(job(*people(1000), payload=""), offset=offset), NOW)
    pipeline.accept(record(job(*people(500, "o"), site_id="site_b", payload=""), offset=3), NOW)
    assert pipeline.buffered == 2500
    assert deferred(metrics, "surplus") == {"10s": 1000}


def test_a_sites_own_urgent_ones_are_no_surplus():
    pipeline = make_pipeline(buffered=4000)
    for offset in range(3):
        pipeline.accept(record(job(*people(1000), payload=""), offset=offset), NOW)
    pipeline.accept(record(job(recipient("quick")), URGENT), NOW)
    assert names(pipeline.dispatch(NOW, 1)) == ["quick"]


def test_urgent_ones_have_a_surplus_too(metrics):
    pipeline = make_pipeline(buffered=4000, metrics=metrics)
    for offset in range(3):
        pipeline.accept(record(job(*people(1000), payload=""), URGENT, offset=offset), NOW)
    assert (pipeline.buffered, deferred(metrics, "surplus")) == (2000, {"10s": 1000})


def test_urgent_ones_overtake_also_out_of_a_tier():
    order = []

    def post(flight, now):
        order.append((flight.delivery.job.lane, now))
        return OK, 1.0

    kafka = Kafka()
    for first in range(0, 400, 100):
        kafka.append(JOBS, job(*people(100, first=first), payload=""), NOW)
    kafka.append(URGENT, job(*people(5, "quick")), NOW)
    kafka.append(URGENT, job(*people(5, "later"), start_at=at(NOW + 20)), NOW)
    run([Worker(kafka, TIERS_AND_JOBS, NOW, post, in_flight=8)], NOW, NOW + 25)
    assert [lane for lane, _ in order[:5]] == ["urgent"] * 5
    assert [now - NOW - 20 < 1.1 for lane, now in order if lane == "urgent"][5:] == [True] * 5
    assert sum(lane == "normal" for lane, _ in order) > 50


# ── one by one ──────────────────────────────────────────────────────────────────────────────────────────

waits = st.sampled_from([-100, -50, 0, 0, 0, 3, 9.9, 10, 10.1, 12, 15, 15.1, 61, 62, 700])

people_due = st.lists(st.tuples(waits, st.sampled_from(["fcm", "mozilla"])), min_size=1, max_size=20)


@settings(deadline=None)
@given(people_due, people_due, st.sampled_from([State.RUNNING, *State]), st.integers(2, 40))
def test_a_records_recipients_go_where_they_would_go_one_by_one(others, group, state, buffered):
    """Even if they fill the buffer themselves: surplus and horizon take each of them into account."""

    def due(prefix, members):
        """Return recipients in order of time, the order in which a record's recipients are routed."""
        in_order = sorted(members, key=lambda member: member[0])
        return [
            recipient(f"{prefix}{number}", service, not_before=at(NOW + wait))
            for number, (wait, service) in enumerate(in_order)
        ]

    def ways(records):
        """Return where each recipient goes, in which order, and why."""
        metrics = Metrics(CollectorRegistry())
        pipeline = make_pipeline(buffered=buffered, metrics=metrics)
        for offset, (site, recipients) in enumerate(records):
            value = job(*recipients, site_id=site, campaign_id=site, start_at=at(NOW - 200), ttl=60)
            pipeline.accept(record(value, offset=offset), NOW)
            if site == "other":
                pipeline.control(control(state.value, NOW - 30, campaign="group"), NOW)
        topics = published(pipeline)
        tiers = {
            topic: [each["id"] for value in later(topics, topic) for each in value["recipients"]]
            for topic in topics.keys() & BY_TOPIC.keys()
        }
        reasons = {reason: deferred(metrics, reason) for reason in ("surplus", "not_due", "paused")}
        sent = [names(answered(pipeline, now=NOW + second)) for second in range(16)]
        return statuses(topics), tiers, reasons, sent

    before = ("other", due("o", others))
    together = [before, ("group", due("g", group))]
    apart = [before, *(("group", [each]) for each in due("g", group))]
    assert ways(together) == ways(apart)
