"""Time through the whole pipeline: spread, wait, try again, pause, and who stands in whose way.

Simulated from end to end: logs, shelves and clocks are this file's, and nothing sleeps.
"""

import json
import random
from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import UTC, datetime
from email.utils import format_datetime
from math import inf
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.worker.support import (
    JOBS,
    NOW,
    URGENT,
    FixedEntropy,
    job,
    land,
    make_pipeline,
    recipient,
    record,
    restored,
)
from worker.limits.gates import FAILURES, FIRST_PERIOD, STRIKES
from worker.metrics import Metrics
from worker.pipeline.politeness import QUARANTINE
from worker.pipeline.shelf import Shelf
from worker.push.answers import RETRY_AFTER_MAX, PushResponse, TransportFailure
from worker.push.services import PushService
from worker.records.control import CampaignControl, State
from worker.records.envelope import Commit, Partition
from worker.records.topics import BY_TOPIC, TIERS
from worker.timing.schedule import FIRST_ATTEMPT_GRACE
from worker.timing.tiers import HORIZON

LATER = Partition("later.10s", 0)
OK, GONE, BUSY = PushResponse(201), PushResponse(410), PushResponse(429)
HOUR = 3600.0


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def people(count, prefix="r", first=0, **fields):
    return [recipient(f"{prefix}{number}", **fields) for number in range(first, first + count)]


def control(state, now, shift=0.0, campaign="camp_1"):
    return CampaignControl(1, campaign, State(state), datetime.fromtimestamp(now, UTC), shift)


def names(flights):
    return [flight.delivery.recipient.id for flight in flights]


def answered(pipeline, answer=OK, now=NOW, most=10_000):
    flights = pipeline.dispatch(now, most)
    land(pipeline, [(flight, answer) for flight in flights], now)
    return flights


def published(pipeline, now=NOW):
    """Everything that waits for a checkpoint, decoded, by topic."""
    topics = defaultdict(list)
    while pipeline.unacknowledged:
        batch = pipeline.checkpoint(now)
        for each in batch.publications:
            topics[each.topic].append(json.loads(each.value))
        pipeline.acknowledge(batch)
    return topics


def outcomes(topics):
    return [outcome for batch in topics["outcomes"] for outcome in batch["outcomes"]]


def statuses(topics):
    return {outcome["recipient_id"]: outcome["status"] for outcome in outcomes(topics)}


def deferred(metrics, reason):
    """How many went to a tier for a reason, by tier."""
    counts = {tier: each[reason].value for tier, each in metrics.deferred.items()}
    return {tier: int(count) for tier, count in counts.items() if count}


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())


# ── a simulated Kafka, and workers on simulated time ────────────────────────────────────────────────────


class Kafka:
    """Inputs and tiers; the broker stamps what is written to a tier."""

    def __init__(self, tier_partitions=1):
        self.tier_partitions = tier_partitions
        self.logs = defaultdict(list)
        self.commits = defaultdict(lambda: Commit(0, ""))
        self.outcomes = []

    def append(self, partition, value, now):
        log = self.logs[partition]
        log.append(record(value, partition, len(log), now))

    def publish(self, publications, now):
        for each in publications:
            if each.topic in BY_TOPIC:
                number = crc32(each.key) % self.tier_partitions
                self.append(Partition(each.topic, number), each.value, now)
            elif each.topic == "outcomes":
                self.outcomes += json.loads(each.value)["outcomes"]


class Worker:
    """A pipeline with its shelf in front of it, as the application drives it."""

    def __init__(self, kafka, partitions, now, post, **limits):
        self.kafka = kafka
        self.post = post
        self.pipeline = make_pipeline(Partition("none", 0), now=now, **limits)
        self.shelf = Shelf()
        self.landing = []
        self.position = {}
        for partition in partitions:
            commit = kafka.commits[partition]
            self.position[partition] = commit.offset
            self.pipeline.assign(partition, restored(commit))

    def step(self, now):
        self.land(now)
        self.read(now)
        self.send(now)
        self.checkpoint(now)

    def land(self, now):
        landed = [each for each in self.landing if each[0] <= now]
        self.landing = [each for each in self.landing if each[0] > now]
        land(self.pipeline, [(flight, answer) for _, flight, answer in landed], now)

    def unread(self):
        return [place for place, offset in self.position.items() if offset < len(self.kafka.logs[place])]

    def read(self, now):
        for partition in self.unread():
            if partition not in self.shelf.holding:
                fetched = self.kafka.logs[partition][self.position[partition] :][:500]
                self.position[partition] += len(fetched)
                self.shelf.put(fetched, now)
        while (taken := self.shelf.take(now, self.pipeline.has_room)) is not None:
            self.pipeline.accept(taken, now)

    def send(self, now):
        for flight in self.pipeline.dispatch(now, 10_000):
            answer, seconds = self.post(flight, now)
            self.landing.append((now + seconds, flight, answer))

    def checkpoint(self, now):
        batch = self.pipeline.checkpoint(now)
        if batch is None:
            return
        self.kafka.publish(batch.publications, now)
        if batch.checkpoint:
            self.kafka.commits.update(batch.checkpoint.commits)
        self.pipeline.acknowledge(batch)

    def next_event(self, now):
        blocked = len(self.shelf.holding) > len(self.shelf._unripe)
        if blocked or any(each not in self.shelf.holding for each in self.unread()):
            return now
        times = [self.pipeline.next_due, self.shelf.next_ready(now), *(each[0] for each in self.landing)]
        return min((each for each in times if each is not None), default=inf)

    @property
    def idle(self):
        return not (self.pipeline.open or self.landing or self.shelf.holding or self.unread())


def run(workers, now, until=inf, tick=0.05):
    """Step all workers until a moment, or until there is nothing left to do; returns the time."""
    while now < until and not all(worker.idle for worker in workers):
        for worker in workers:
            worker.step(now)
        soonest = min(worker.next_event(now) for worker in workers)
        now = max(now + tick, min(soonest, until))
    return now


def always(answer, seconds=0.0):
    """A push service that notes when each recipient was sent to, and answers all alike."""
    sent = {}

    def post(flight, now):
        sent.setdefault(flight.delivery.recipient.id, []).append(now)
        return answer, seconds

    return post, sent


TIERS_AND_JOBS = [JOBS, URGENT, *(Partition(tier.topic, 0) for tier in TIERS)]


def alone(post, value, now=NOW, **limits):
    """One worker with one job in one partition."""
    kafka = Kafka()
    kafka.append(JOBS, value, now)
    return kafka, Worker(kafka, TIERS_AND_JOBS, now, post, **limits)


# ── later ───────────────────────────────────────────────────────────────────────────────────────────────


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


@pytest.mark.parametrize("wait", [0, 3 * HOUR])
@pytest.mark.parametrize(
    "content",
    [
        {"payload": "x" * 3994},
        {"payload": "ä" * 1997},
        {"notification": {"title": "Hi", "url": "https://x.example/", "body": "x" * 3994}},
        {"notification": {"title": "Hi {{name}}", "url": "https://x.example/", "body": "x" * 3994}},
        {"notification": {"title": "Hi {{name}}", "url": "https://x.example/", "body": "x" * 3994 + "{{a}}"}},
    ],
)
def test_what_can_never_fit_is_rejected_at_once(wait, content):
    pipeline = make_pipeline()
    pipeline.accept(record(job(start_at=at(NOW + wait), **content)), NOW)
    (outcome,) = outcomes(published(pipeline))
    assert (outcome["status"], outcome["detail"], outcome["attempts"]) == ("rejected", "payload_too_large", 0)


# ── spread ──────────────────────────────────────────────────────────────────────────────────────────────

TOTAL, STRETCH = 20_000, 60.0


def produce(kafka, partitions, sliced):
    for number, first in enumerate(range(0, TOTAL, 100)):
        part = {"slice": {"first": first, "total": TOTAL}} if sliced else {}
        value = job(
            *people(100, first=first), job_id=f"j{number}", stretch_time=STRETCH, payload="", ttl=600, **part
        )
        kafka.append(Partition("jobs", number % partitions), value, NOW)


def share_out(kafka, count, partitions, post):
    places = [Partition("jobs", number) for number in range(partitions)]
    places += [Partition(tier.topic, number) for tier in TIERS for number in range(kafka.tier_partitions)]
    return [Worker(kafka, places[number::count], NOW, post) for number in range(count)]


def widest_gap(planned, actual):
    """The largest difference between two cumulative curves, as a share of the whole."""
    planned, actual = sorted(planned), sorted(actual)
    return max(abs(bisect_right(planned, t) - bisect_right(actual, t)) for t in planned + actual) / len(
        planned
    )


def spread(workers, partitions, sliced, dies_at=None):
    """Send the campaign; returns when each recipient was due and first sent to, and how often it was."""
    due, sent, pushes = {}, {}, Counter()

    def post(flight, now):
        name = flight.delivery.recipient.id
        assert now >= flight.delivery.due
        due.setdefault(name, flight.delivery.due)
        assert due[name] == flight.delivery.due
        sent.setdefault(name, now)
        pushes[name] += 1
        return OK, 0.03

    kafka = Kafka(tier_partitions=partitions)
    produce(kafka, partitions, sliced)
    crew, now = share_out(kafka, workers, partitions, post), NOW
    if dies_at:
        now = run(crew, now, NOW + dies_at)
        crew[0] = Worker(kafka, crew[0].position, now, post)
    run(crew, now)
    assert Counter(outcome["status"] for outcome in kafka.outcomes)["sent"] >= TOTAL
    return due, sent, pushes


@pytest.mark.parametrize(
    ("workers", "partitions", "sliced", "dies_at"),
    [(1, 1, True, None), (1, 1, False, 30.02), (3, 8, True, 30.02), (3, 8, False, None)],
)
def test_the_actual_curve_is_the_planned_one(workers, partitions, sliced, dies_at):
    due, sent, pushes = spread(workers, partitions, sliced, dies_at)
    assert len(sent) == TOTAL
    assert widest_gap(due.values(), sent.values()) < 0.01
    assert widest_gap([NOW + STRETCH * number / TOTAL for number in range(TOTAL)], due.values()) < 0.01
    if sliced:
        assert all(due[f"r{n}"] == pytest.approx(NOW + STRETCH * n / TOTAL) for n in range(0, TOTAL, 77))
    late = sorted(sent[name] - due[name] for name in sent)
    assert late[int(TOTAL * 0.99)] < 0.5
    assert pushes.total() - TOTAL <= (0 if dies_at is None else 100)


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
    (first, second) = published(pipeline)["later.10s"]
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
    assert [person["attempts"] for person in topics["later.10s"][0]["recipients"]] == [1]


class SeededEntropy(FixedEntropy):
    """Random, and the same every time."""

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
    (value,) = published(pipeline)["later.10s"]
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
    (value,) = published(pipeline)["later.10s"]
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


# ── quarantine ──────────────────────────────────────────────────────────────────────────────────────────


def test_in_an_incident_nothing_more_is_published_as_expired(metrics):
    pipeline = make_pipeline(metrics=metrics)
    pipeline.accept(record(job(*people(300), payload="")), NOW)
    answered(pipeline, GONE)
    topics = published(pipeline)
    assert 40 < len(topics["expired"]) < 100
    quarantined = [person for value in topics["later.1m"] for person in value["recipients"]]
    assert len(quarantined) + len(topics["expired"]) == 300
    assert {person["not_before"] for person in quarantined} == {at(NOW + QUARANTINE).replace("+00:00", "Z")}
    assert {person["attempts"] for person in quarantined} == {1}
    assert metrics.quarantined[PushService.FCM].value == len(quarantined)
    assert pipeline.incidents() == {PushService.FCM}
    others = people(1, "m", service="mozilla")
    pipeline.accept(record(job(*others), offset=1), NOW)
    answered(pipeline, GONE)
    assert statuses(published(pipeline)) == {"m0": "expired"}


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


# ── fairness ────────────────────────────────────────────────────────────────────────────────────────────


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


waits = st.sampled_from([-100, -50, 0, 0, 0, 3, 9.9, 10, 10.1, 12, 15, 15.1, 61, 62, 700])
people_due = st.lists(st.tuples(waits, st.sampled_from(["fcm", "mozilla"])), min_size=1, max_size=20)


@settings(deadline=None)
@given(people_due, people_due, st.sampled_from([State.RUNNING, *State]), st.integers(2, 40))
def test_a_records_recipients_go_where_they_would_go_one_by_one(others, group, state, buffered):
    """Also where they fill the buffer themselves: surplus and horizon follow each of them."""

    def due(prefix, members):
        """In the order of their time, which is the one that a record's recipients are looked at in."""
        in_order = sorted(members, key=lambda member: member[0])
        return [
            recipient(f"{prefix}{number}", service, not_before=at(NOW + wait))
            for number, (wait, service) in enumerate(in_order)
        ]

    def ways(records):
        """Where everyone goes, in which order, and why."""
        metrics = Metrics(CollectorRegistry())
        pipeline = make_pipeline(buffered=buffered, metrics=metrics)
        for offset, (site, recipients) in enumerate(records):
            value = job(*recipients, site_id=site, campaign_id=site, start_at=at(NOW - 200), ttl=60)
            pipeline.accept(record(value, offset=offset), NOW)
            if site == "other":
                pipeline.control(control(state.value, NOW - 30, campaign="group"), NOW)
        topics = published(pipeline)
        tiers = {
            topic: [each["id"] for value in values for each in value["recipients"]]
            for topic, values in topics.items()
            if topic in BY_TOPIC
        }
        reasons = {reason: deferred(metrics, reason) for reason in ("surplus", "not_due", "paused")}
        sent = [names(answered(pipeline, now=NOW + second)) for second in range(16)]
        return statuses(topics), tiers, reasons, sent

    before = ("other", due("o", others))
    together = [before, ("group", due("g", group))]
    apart = [before, *(("group", [each]) for each in due("g", group))]
    assert ways(together) == ways(apart)


# ── random answers ──────────────────────────────────────────────────────────────────────────────────────

ATTEMPTS = 5
TOLERANCE = 1e-5
FINAL = {201: "sent", 404: "expired", 410: "expired", 400: "rejected", 413: "rejected", 403: "unauthorized"}
RETRY_AFTER = ["0", "3", "20", "100", "7200", "999999999", "-5", "soon", "date 40", "date 4000", "date -9"]

final_answers = st.sampled_from(list(FINAL)).map(lambda status: (status, None))
asks_for_rest = st.tuples(st.sampled_from([429, 503, 406]), st.none() | st.sampled_from(RETRY_AFTER))
no_answers = st.sampled_from([*list(TransportFailure)[:-1], (500, None), (502, None), (408, None)])
answer_lists = st.lists(st.one_of(asks_for_rest, asks_for_rest, no_answers, final_answers), max_size=8)
jobs = st.fixed_dictionaries(
    {
        "answers": st.lists(answer_lists, min_size=1, max_size=6),
        "ttl": st.sampled_from([0, 20, 70, 900, 100_000, 2_419_200]),
        "not_after": st.sampled_from([None, None, 5, 300, 9000]),
        "start": st.sampled_from([-40, 0, 0, 12, 90, 5000]),
        "stretch": st.sampled_from([0, 0, 10, 600]),
        "sliced": st.booleans(),
        "jitter": st.sampled_from([0.0, 0.02, 0.5, 0.99]),
    }
)


def asked(header, now):
    """The `Retry-After` to send, and until when it asks to wait."""
    if header is None:
        return {}, now
    if header.startswith("date "):
        moment = int(now) + int(header[5:])
        return {"retry-after": format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)}, moment
    wait = min(float(header), RETRY_AFTER_MAX) if header.isdigit() else 0.0
    return {"retry-after": header}, now + wait


class Life:
    """One recipient: what its push service will answer, and what must hold at each attempt."""

    def __init__(self, said, answers):
        self.answers = list(answers)
        self.ttl = said["ttl"]
        self.not_after = inf if said["not_after"] is None else NOW + said["not_after"]
        self.due = None
        self.given = []
        self.rests_until = -inf

    def attempt(self, flight, now):
        due = flight.delivery.due
        assert self.due is None or abs(self.due - due) < TOLERANCE  # microseconds on the wire
        self.due = due
        assert now >= due - TOLERANCE
        assert now >= self.rests_until - TOLERANCE
        assert flight.delivery.attempts == len(self.given) < ATTEMPTS
        assert not any(status in FINAL for status in self.given)
        life = self.ttl if self.given else max(self.ttl, FIRST_ATTEMPT_GRACE)
        assert now <= min(due + life, self.not_after) + TOLERANCE
        left = max(0.0, min(due + self.ttl, self.not_after) - now)
        assert left - 1 - TOLERANCE <= int(flight.request.headers["TTL"]) <= left + TOLERANCE
        return self.answer(flight, now)

    def answer(self, flight, now):
        answer = self.answers.pop(0) if self.answers else (201, None)
        if isinstance(answer, TransportFailure):
            self.given.append(answer)
            return answer, 0.2
        status, header = answer
        if status == 406 and flight.delivery.endpoint.origin.service is not PushService.WNS:
            status = 429
        self.given.append(status)
        headers, self.rests_until = asked(header, now + 0.05)
        return PushResponse(status, headers), 0.05


@settings(max_examples=200, deadline=None)
@given(st.lists(jobs, min_size=1, max_size=3))
def test_every_recipient_ends_in_exactly_one_status_and_no_promise_is_broken(said):
    kafka, lives = Kafka(), {}
    for number, each in enumerate(said):
        count, persons = len(each["answers"]), []
        for index, answers in enumerate(each["answers"]):
            name = f"j{number}r{index}"
            lives[name] = Life(each, answers)
            persons.append(recipient(name, ["fcm", "wns", "mozilla"][index % 3]))
        fields = {"slice": {"first": 0, "total": count}} if each["sliced"] else {}
        fields |= {"not_after": at(NOW + each["not_after"])} if each["not_after"] is not None else {}
        fields |= {"start_at": at(NOW + each["start"]), "stretch_time": each["stretch"], "ttl": each["ttl"]}
        site = f"site_{number % 2}"
        kafka.append(JOBS, job(*persons, job_id=f"j{number}", site_id=site, payload="", **fields), NOW)

    def post(flight, now):
        return lives[flight.delivery.recipient.id].attempt(flight, now)

    entropy = FixedEntropy(jitter=said[0]["jitter"])
    run([Worker(kafka, TIERS_AND_JOBS, NOW, post, attempts=ATTEMPTS, entropy=entropy)], NOW)
    told = {outcome["recipient_id"]: outcome for outcome in kafka.outcomes}
    assert len(kafka.outcomes) == len(told) == len(lives)
    for name, life in lives.items():
        last = life.given[-1] if life.given else None
        status = told[name]["status"]
        assert told[name]["attempts"] == len(life.given)
        if last in FINAL:
            assert status == FINAL[last]
        else:
            assert status == ("failed" if len(life.given) == ATTEMPTS else "lapsed")
            assert len(life.given) < ATTEMPTS or life.given
