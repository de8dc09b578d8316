"""Push services in trouble: closed gates and quarantine, and which deliveries still go out."""

from collections import Counter, defaultdict
from math import inf

import pytest

from tests.worker.pipeline.simulated import TIERS_AND_JOBS, Kafka, Worker, alone, always, run
from tests.worker.pipeline.support import (
    BUSY,
    GONE,
    LATER,
    OK,
    answered,
    at,
    control,
    deferred,
    later,
    names,
    people,
    published,
    statuses,
)
from tests.worker.support import (
    JOBS,
    NOW,
    VAPID_KEY,
    FixedEntropy,
    OneKey,
    job,
    make_pipeline,
    recipient,
    record,
)
from worker.limits.gates import FAILURES, FIRST_PERIOD, STRIKES
from worker.pipeline.politeness import QUARANTINE
from worker.push.answers import PushResponse, TransportFailure
from worker.push.services import PushService
from worker.timing.tiers import KEY_SOUGHT

# ── gates ───────────────────────────────────────────────────────────────────────────────────────────────


def close_gate(pipeline, site="site_a", answer=BUSY, times=STRIKES, now=NOW):
    pipeline.accept(record(job(*people(times, "x"), site_id=site)), now)
    answered(pipeline, answer, now)
    published(pipeline)


def test_what_meets_a_closed_gate_goes_to_a_tier_and_that_is_no_attempt(metrics):
    pipeline = make_pipeline(metrics=metrics)
    close_gate(pipeline)
    pipeline.accept(record(job(*people(4)), offset=1), NOW)
    assert pipeline.dispatch(NOW + 1, 10) == []
    assert deferred(metrics, "gate_closed") == {"10s": 4}
    (value,) = later(published(pipeline))
    assert [person["attempts"] for person in value["recipients"]] == [0] * 4


def test_a_closed_gate_takes_nothing_from_another_site_of_the_same_push_service():
    pipeline = make_pipeline(in_flight=100)
    close_gate(pipeline)
    for offset, site in enumerate(("site_a", "site_b"), start=1):
        value = job(*people(1000, site), site_id=site, payload="")
        pipeline.accept(record(value, offset=offset), NOW)
    for _ in range(50):
        flights = pipeline.dispatch(NOW + 1, 20)
        assert len(flights) == 20
        assert {flight.delivery.job.job.site_id for flight in flights} == {"site_b"}
        for flight in flights:
            pipeline.land([flight], OK, NOW + 1)


def test_a_gate_lets_one_probe_through_and_opens():
    pipeline = make_pipeline()
    close_gate(pipeline)
    now = NOW + FIRST_PERIOD
    pipeline.accept(record(job(*people(3)), offset=1), now)
    (probe,) = pipeline.dispatch(now, 10)
    pipeline.land([probe], OK, now)
    pipeline.accept(record(job(*people(3, "n")), offset=2), now)
    assert len(answered(pipeline, now=now)) == 3


def test_a_probe_that_cannot_be_made_frees_the_gate():
    pipeline = make_pipeline()
    close_gate(pipeline)
    now = NOW + FIRST_PERIOD
    bad = recipient("bad") | {
        "subscription": recipient("bad")["subscription"] | {"keys": {"p256dh": "AA", "auth": "AA"}}
    }
    pipeline.accept(record(job(bad, recipient("good")), offset=1), now)
    assert names(answered(pipeline, now=now)) == ["good"]


def test_what_waits_for_a_gate_moves_with_the_pauses_of_its_campaign():
    pipeline = make_pipeline(JOBS, LATER)
    close_gate(pipeline)
    pipeline.accept(record(job(recipient("a"), ttl=60, campaign_id="camp_2"), offset=1), NOW)
    pipeline.dispatch(NOW + 1, 10)
    (value,) = later(published(pipeline))
    pipeline.control(control("running", NOW + 605, shift=600.0, campaign="camp_2"), NOW + 605)
    pipeline.accept(record(value, LATER), NOW + 610)
    sent = {flight.delivery.recipient.id: flight.request for flight in answered(pipeline, now=NOW + 615)}
    assert sent["a"].headers["TTL"] == "45"  # 10 s late, and so up to 10 s more


def test_an_unreachable_push_service_takes_nothing_from_the_others():
    pipeline = make_pipeline()
    close_gate(pipeline, answer=TransportFailure.CONNECT, times=FAILURES)
    mixed = [*people(50, "f"), *people(50, "m", service="mozilla")]
    pipeline.accept(record(job(*mixed, site_id="site_b"), offset=1), NOW)
    assert names(answered(pipeline, now=NOW + 1)) == [f"m{number}" for number in range(50)]


def test_a_slow_push_service_does_not_slow_another():
    pipeline = make_pipeline(in_flight=40)
    pipeline.accept(record(job(*people(500, "slow"), payload="")), NOW)
    pipeline.accept(record(job(*people(500, "quick", service="mozilla"), payload=""), offset=1), NOW)
    done = 0
    for tick in range(60):
        for flight in pipeline.dispatch(NOW + tick / 10, 100):
            if flight.delivery.endpoint.origin.service is PushService.MOZILLA:
                pipeline.land([flight], OK, NOW + tick / 10)
                done += 1
    assert done == 500
    assert pipeline.in_flight == 30


@pytest.mark.parametrize("trouble", [BUSY, PushResponse(503), TransportFailure.CONNECT])
def test_after_trouble_every_site_gets_through_in_bounded_time(trouble):
    kafka = Kafka()
    for number in range(8):
        kafka.append(JOBS, job(*people(20, f"s{number}-"), site_id=f"s{number}", payload=""), NOW)
    well_at, done = NOW + 200, {}

    def post(flight, now):
        done[flight.delivery.recipient.id] = now
        return (trouble if now < well_at else OK), 0.05

    worker = Worker(kafka, TIERS_AND_JOBS, NOW, post, attempts=100, entropy=FixedEntropy(jitter=0.1))
    run([worker], NOW)
    assert Counter(outcome["status"] for outcome in kafka.outcomes) == {"sent": 160}
    assert max(done.values()) - well_at < 200
    pushes = sum(outcome["attempts"] for outcome in kafka.outcomes)
    assert pushes < 160 + 160 + 8 * 40


# ── missing keys ────────────────────────────────────────────────────────────────────────────────────────


class LateKey:
    """A key that reaches the pod at some time."""

    def __init__(self, there_at, clock):
        self.there_at = there_at
        self.clock = clock
        self.asked = []

    def for_site(self, vapid_key, _site_id):
        self.asked.append(self.clock.now)
        return VAPID_KEY if vapid_key is None or self.clock.now >= self.there_at else None


class Clock:
    now = NOW


def run_with_key(there_at, since, now=NOW, **fields):
    """Run a job that names a key; return its outcomes by recipient, and when the key was looked for."""
    clock = Clock()
    keys = LateKey(there_at, clock)
    kafka = Kafka()
    kafka.append(JOBS, job(*people(3), payload="", vapid_key="late", start_at=at(since), **fields), now)
    worker = Worker(kafka, TIERS_AND_JOBS, now, always(OK)[0], keys=keys)
    while not worker.idle and now < NOW + 2000:
        clock.now = now
        worker.step(now)
        now = max(now + 0.05, min(worker.next_event(now), now + 60))
    return {each["recipient_id"]: each for each in kafka.outcomes}, sorted(set(keys.asked))


@pytest.mark.parametrize("late", [0, 5, 200, 590])
def test_a_key_that_a_job_names_may_come_ten_minutes_late(late):
    outcomes, looks = run_with_key(NOW + late, NOW)
    assert Counter(each["status"] for each in outcomes.values()) == {"sent": 3}
    assert {each["attempts"] for each in outcomes.values()} == {1}
    assert looks[-1] - NOW < late + 65


@pytest.mark.parametrize("backlog", [0, 7200])
def test_a_key_that_never_comes_is_looked_for_for_ten_minutes_however_late_the_job_is(backlog):
    outcomes, looks = run_with_key(inf, NOW - backlog)
    assert Counter((each["status"], each["detail"]) for each in outcomes.values()) == {
        ("invalid", "no_vapid_key"): 3
    }
    assert {each["attempts"] for each in outcomes.values()} == {0}
    assert KEY_SOUGHT <= looks[-1] - looks[0] < KEY_SOUGHT + 65
    assert 10 < len(looks) < 25


def test_a_recipient_that_would_lapse_meanwhile_does_not_wait_for_a_key():
    outcomes, looks = run_with_key(NOW + 30, NOW, not_after=at(NOW + 25))
    assert {(each["status"], each["detail"]) for each in outcomes.values()} == {("invalid", "no_vapid_key")}
    assert looks[-1] < NOW + 25


def test_a_site_without_any_key_does_not_wait(metrics):
    pipeline = make_pipeline(metrics=metrics, keys=LateKey(inf, Clock()))
    pipeline.accept(record(job(*people(2), vapid_key="late")), NOW)
    assert pipeline.dispatch(NOW, 10) == []
    assert deferred(metrics, "no_vapid_key") == {"10s": 2}
    nobody = make_pipeline(keys=OneKey(None))
    nobody.accept(record(job(*people(2))), NOW)
    assert nobody.dispatch(NOW, 10) == []
    assert statuses(published(nobody)) == {"r0": "invalid", "r1": "invalid"}


# ── quarantine ──────────────────────────────────────────────────────────────────────────────────────────


def test_in_an_incident_nothing_more_is_published_as_expired(metrics):
    pipeline = make_pipeline(metrics=metrics)
    pipeline.accept(record(job(*people(300), payload="")), NOW)
    answered(pipeline, GONE)
    topics = published(pipeline)
    assert 40 < len(topics["expired"]) < 100
    quarantined = [person for value in later(topics, "later.1m") for person in value["recipients"]]
    assert len(quarantined) + len(topics["expired"]) == 300
    assert {person["not_before"] for person in quarantined} == {at(NOW + QUARANTINE).replace("+00:00", "Z")}
    assert {person["attempts"] for person in quarantined} == {1}
    assert metrics.quarantined[PushService.FCM].value == len(quarantined)
    assert pipeline.doubted(NOW).surges == {(PushService.FCM, "site_a")}
    others = people(1, "m", service="mozilla")
    pipeline.accept(record(job(*others), offset=1), NOW)
    answered(pipeline, GONE)
    assert statuses(published(pipeline)) == {"m0": "expired"}


def test_a_stale_list_is_told_after_one_look_again_and_holds_nobody_else_up():
    people_of = {"stale": people(300, "s"), **{f"site_{n}": people(100, f"h{n}") for n in range(4)}}
    jobs = [job(*each, site_id=site, job_id=f"job-{site}", payload="") for site, each in people_of.items()]
    asked = defaultdict(list)

    def post(flight, now):
        name = flight.delivery.recipient.id
        asked[name].append(now)
        gone = name.startswith("s") or name.endswith("7")
        return (GONE if gone else OK), 0.05

    kafka = Kafka()
    for each in jobs:
        kafka.append(JOBS, each, NOW)
    run([Worker(kafka, TIERS_AND_JOBS, NOW, post)], NOW)
    told = {each["recipient_id"]: each for each in kafka.outcomes}
    assert len(told) == 700
    assert Counter(each["status"] for each in told.values()) == {"expired": 340, "sent": 360}
    assert {len(times) for name, times in asked.items() if name.startswith("h")} == {1}
    looks = Counter(len(times) for name, times in asked.items() if name.startswith("s"))
    assert set(looks) == {1, 2}
    assert looks[2] > 150
    assert all(times[-1] - times[0] < QUARANTINE + 15 for times in asked.values())


def test_what_was_quarantined_is_told_when_it_is_over():
    well = defaultdict(int)

    def post(flight, now):
        well[now < NOW + 300] += 1
        return (GONE if now < NOW + 300 or flight.delivery.recipient.id == "r299" else OK), 0.05

    kafka, worker = alone(post, job(*people(300), payload=""))
    run([worker], NOW)
    counts = Counter(outcome["status"] for outcome in kafka.outcomes)
    assert counts.total() == 300
    assert counts["sent"] > 100
    assert {each["recipient_id"]: each["status"] for each in kafka.outcomes}["r299"] == "expired"
