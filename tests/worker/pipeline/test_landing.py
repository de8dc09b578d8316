from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from tests.worker.support import (
    HOSTS,
    JOBS,
    NOW,
    deliver,
    job,
    job_context,
    land,
    make_pipeline,
    recipient,
    record,
)
from worker.ledger.ledger import Entry
from worker.metrics import Metrics
from worker.pipeline.delivery import Flight
from worker.pipeline.landing import rows
from worker.push.answers import PushResponse, TransportFailure

ANSWERS = [
    PushResponse(201),
    PushResponse(201, {"ttl": "0"}),
    PushResponse(404),
    PushResponse(410),
    PushResponse(413),
    PushResponse(429, {"retry-after": "3"}),
    PushResponse(429, {"retry-after": "4"}),
    PushResponse(500),
    *TransportFailure,
]
SERVICES = list(HOSTS)
HELD = job_context(job(*(recipient(service, service) for service in SERVICES)))
ENTRIES = [Entry(JOBS, offset, len(SERVICES), 0, HELD) for offset in range(2)]
DELIVERIES = [deliver(HELD, index, entry) for entry in ENTRIES for index in range(len(SERVICES))]


@given(st.lists(st.tuples(st.sampled_from(DELIVERIES), st.sampled_from(ANSWERS)), max_size=30))
def test_good_news_for_neighbours_is_one_row_and_all_else_stands_alone(answered):
    landed = [(Flight(delivery, None, 0, NOW), answer) for delivery, answer in answered]
    found = list(rows(landed))
    assert [(flight, answer) for flights, answer in found for flight in flights] == landed
    heads = []
    for flights, answer in found:
        kinds = {(each.delivery.entry.offset, each.delivery.endpoint.origin.key) for each in flights}
        assert len(kinds) == 1
        taken = isinstance(answer, PushResponse) and answer.status == 201
        assert taken or len(flights) == 1
        heads.append((*kinds, answer) if taken else object())
    assert all(this != following for this, following in pairwise(heads))


def told(answers, together):
    """Everything observable about a worker after these answers, as text and as records."""
    registry = CollectorRegistry()
    pipeline = make_pipeline(metrics=Metrics(registry), in_flight=20)
    for offset in range(2):
        people = [recipient(f"{offset}_{number}", SERVICES[number // 5]) for number in range(10)]
        pipeline.accept(record(job(*people, ttl=3600), offset=offset), NOW)
    flights = pipeline.dispatch(NOW, 20)
    landed = list(zip(flights, answers, strict=True))
    if together:
        land(pipeline, landed, NOW + 1)
    else:
        for flight, answer in landed:
            pipeline.land([flight], answer, NOW + 1)
    pipeline.gauge()
    published = pipeline.checkpoint(NOW + 2).publications
    gates = pipeline.closed_gates()
    return generate_latest(registry).decode(), published, gates, pipeline.in_flight, pipeline.open


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(ANSWERS), min_size=20, max_size=20).map(lambda some: sorted(some, key=str)))
def test_together_answers_come_to_the_same_as_one_by_one(answers):
    assert told(answers, together=True) == told(answers, together=False)
