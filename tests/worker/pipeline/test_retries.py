"""Trying again: in memory or through a tier, until every recipient has one end."""

from datetime import UTC, datetime
from email.utils import format_datetime
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.pipeline.simulated import TIERS_AND_JOBS, Kafka, Worker, run
from tests.worker.pipeline.support import (
    LATER,
    UNAVAILABLE,
    answered,
    at,
    later,
    outcomes,
    published,
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
from worker.push.answers import RETRY_AFTER_MAX, PushResponse, TransportFailure
from worker.push.services import PushService
from worker.timing.schedule import FIRST_ATTEMPT_GRACE

# ── one attempt after another ───────────────────────────────────────────────────────────────────────────


def test_a_short_back_off_is_waited_for_in_memory():
    pipeline = make_pipeline(entropy=FixedEntropy(jitter=0.1))
    pipeline.accept(record(job()), NOW)
    answered(pipeline, UNAVAILABLE)
    assert pipeline.unacknowledged == 0
    assert pipeline.next_due == NOW + 3
    answered(pipeline, now=NOW + 3)
    assert outcomes(published(pipeline))[0]["attempts"] == 2


@pytest.mark.parametrize(("wait", "topic"), [("100", "later.1m"), (3700, "later.1h"), ("16", "later.10s")])
def test_retry_after_is_waited_for_in_a_tier(wait, topic):
    pipeline = make_pipeline(entropy=FixedEntropy(jitter=0.0))
    pipeline.accept(record(job(ttl=86_400)), NOW - 5)
    answered(pipeline, PushResponse(429, {"retry-after": str(wait)}), NOW + 5)
    (value,) = later(published(pipeline), topic)
    (person,) = value["recipients"]
    assert person["attempts"] == 1
    assert person["due_at"] == at(NOW).replace("+00:00", "Z")
    assert person["not_before"] == at(NOW + 5 + float(wait)).replace("+00:00", "Z")


def test_what_comes_back_from_a_tier_goes_on_where_it_was():
    pipeline = make_pipeline(LATER, attempts=3)
    person = recipient("a", attempts=2, due_at=at(NOW), not_before=at(NOW + 5))
    value = job(person, ttl=100, start_at=at(NOW), stretch_time=0, lane="normal")
    pipeline.accept(record(value, LATER), NOW)
    assert pipeline.dispatch(NOW + 4.9, 10) == []
    (flight,) = answered(pipeline, UNAVAILABLE, NOW + 5)
    assert flight.request.headers["TTL"] == "95"
    (outcome,) = outcomes(published(pipeline))
    assert (outcome["status"], outcome["attempts"]) == ("failed", 3)


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
    """Return the `Retry-After` to send, and until when it asks to wait."""
    if header is None:
        return {}, now
    if header.startswith("date "):
        moment = int(now) + int(header[5:])
        return {"retry-after": format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)}, moment
    wait = min(float(header), RETRY_AFTER_MAX) if header.isdigit() else 0.0
    return {"retry-after": header}, now + wait


class Life:
    """One recipient: what its push service will answer, and what must hold at each attempt."""

    def __init__(self, drawn, answers):
        self.answers = list(answers)
        self.ttl = drawn["ttl"]
        self.not_after = inf if drawn["not_after"] is None else NOW + drawn["not_after"]
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
def test_every_recipient_ends_in_exactly_one_status_and_no_promise_is_broken(drawn):
    kafka, lives = Kafka(), {}
    for number, each in enumerate(drawn):
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

    entropy = FixedEntropy(jitter=drawn[0]["jitter"])
    run([Worker(kafka, TIERS_AND_JOBS, NOW, post, attempts=ATTEMPTS, entropy=entropy)], NOW)
    found = {outcome["recipient_id"]: outcome for outcome in kafka.outcomes}
    assert len(kafka.outcomes) == len(found) == len(lives)
    for name, life in lives.items():
        last = life.given[-1] if life.given else None
        status = found[name]["status"]
        assert found[name]["attempts"] == len(life.given)
        if last in FINAL:
            assert status == FINAL[last]
        else:
            assert status == ("failed" if len(life.given) == ATTEMPTS else "lapsed")
            assert len(life.given) < ATTEMPTS or life.given
