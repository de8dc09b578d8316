import random

import pytest

from tests.worker.support import NOW, delivery
from worker.limits.doubt import SITES, Doubted
from worker.limits.gates import FAILURES, FIRST_PERIOD, STRIKES
from worker.pipeline.delivery import Flight
from worker.pipeline.politeness import QUARANTINED, Politeness
from worker.push.answers import PushResponse, TransportFailure, classify
from worker.push.services import PushService
from worker.push.verdict import Settled, TryAgain
from worker.records.job import Lane
from worker.records.outcome import Status

OK, GONE, BUSY = PushResponse(201), PushResponse(410), PushResponse(429, {"retry-after": "20"})
ANSWERS = [OK, GONE, BUSY, *map(PushResponse, (307, 400, 403, 404, 413, 500, 503)), *TransportFailure]


def fly(politeness, now=NOW, **fields):
    each = delivery(**fields)
    politeness.take(each)
    return Flight(each, None, 0, now)


def learn(politeness, answer, now=NOW, **fields):
    """Send one request and let it be answered; return the verdict."""
    flight = fly(politeness, now, **fields)
    verdict = classify(flight.delivery.endpoint.origin.service, answer)
    return politeness.learn([flight], answer, verdict, now)


def surging(service="fcm"):
    politeness = Politeness(100)
    for _ in range(100):
        learn(politeness, GONE, service=service)
    assert politeness.doubted(NOW).surges == {(PushService(service), "site_a")}
    return politeness


# ── slots ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answer", ANSWERS)
def test_each_answer_gives_exactly_one_slot_back(answer):
    politeness = Politeness(10)
    flights = [fly(politeness) for _ in range(3)]
    for left, flight in zip((2, 1, 0), flights, strict=True):
        politeness.learn([flight], answer, classify(PushService.FCM, answer), NOW)
        assert (politeness.in_flight, politeness.free) == (left, 10 - left)


def test_a_recalled_flight_gives_its_slot_back_and_teaches_nothing():
    politeness = Politeness(10)
    politeness.recall(fly(politeness).delivery, NOW)
    assert (politeness.in_flight, politeness.limits(), politeness.closed_gates()) == (0, {}, {})


@pytest.mark.parametrize("answer", [TransportFailure.TIMEOUT, BUSY, PushResponse(503)])
def test_trouble_lowers_the_limit(answer):
    politeness = Politeness(100)
    learn(politeness, answer)
    assert politeness.limits()["fcm"][1] < politeness.ceiling


@pytest.mark.parametrize("answer", [TransportFailure.CONNECT, PushResponse(500), GONE, PushResponse(400)])
def test_other_answers_do_not(answer):
    politeness = Politeness(100)
    learn(politeness, answer)
    assert politeness.limits() == {}


def test_a_slow_push_service_leaves_slots_to_the_others():
    politeness = Politeness(100)
    slow = 0
    while politeness.room(Lane.NORMAL, "fcm", "site_a", others_wait=True):
        fly(politeness)
        slow += 1
    assert slow == 75
    assert politeness.room(Lane.NORMAL, "mozilla", "site_a", others_wait=True)


# ── gates ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("service", "answer"),
    [("fcm", PushResponse(429)), ("fcm", PushResponse(503)), ("wns", PushResponse(406))],
)
def test_throttling_closes_a_sites_gate(service, answer):
    politeness = Politeness(100)
    for _ in range(STRIKES):
        assert politeness.wait_until(delivery(service=service), NOW) is None
        learn(politeness, answer, service=service)
    assert politeness.wait_until(delivery(service=service), NOW) == NOW + FIRST_PERIOD
    assert politeness.wait_until(delivery(service=service, site="site_b"), NOW) is None
    assert politeness.closed_gates() == {service: 1}


def test_a_gate_rests_as_long_as_it_was_asked_to():
    politeness = Politeness(100)
    for _ in range(STRIKES):
        learn(politeness, BUSY)
    assert politeness.wait_until(delivery(), NOW) == NOW + 20


@pytest.mark.parametrize("failure", [each for each in TransportFailure if each != "endpoint_not_allowed"])
def test_failures_open_the_circuit(failure):
    politeness = Politeness(100)
    for number in range(FAILURES):
        assert politeness.wait_until(delivery(), NOW) is None
        learn(politeness, failure, site=f"site_{number}")
    assert politeness.wait_until(delivery(), NOW) == NOW + FIRST_PERIOD


def closed():
    politeness = Politeness(100)
    for _ in range(STRIKES):
        learn(politeness, PushResponse(429))
    return politeness


def test_a_probe_whose_address_is_refused_says_nothing_and_frees_the_gate():
    politeness, later = closed(), NOW + FIRST_PERIOD
    assert politeness.wait_until(delivery(), later) is None
    learn(politeness, TransportFailure.ADDRESS_REFUSED, later)
    assert politeness.wait_until(delivery(), later) is None


def test_a_probe_that_is_recalled_frees_the_gate():
    politeness, later = closed(), NOW + FIRST_PERIOD
    for _ in range(3):
        assert politeness.wait_until(delivery(), later) is None
        politeness.recall(fly(politeness, later).delivery, later)
    assert politeness.in_flight == 0


@pytest.mark.parametrize("answer", [OK, GONE, PushResponse(400), PushResponse(403), PushResponse(500)])
def test_any_answer_that_asks_for_no_rest_opens(answer):
    politeness, later = closed(), NOW + FIRST_PERIOD
    learn(politeness, answer, later)
    assert politeness.closed_gates() == {}


# ── doubt ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answer", ANSWERS)
def test_without_an_incident_every_verdict_stands(answer):
    assert learn(Politeness(100), answer) == classify(PushService.FCM, answer)


@pytest.mark.parametrize("answer", [PushResponse(404), PushResponse(410)])
def test_in_an_incident_expirations_are_tried_again(answer):
    assert learn(surging(), answer) is QUARANTINED


def test_in_an_incident_every_other_verdict_stands():
    politeness = surging()
    for answer in ANSWERS:
        verdict = classify(PushService.FCM, answer)
        if verdict not in (Settled(Status.EXPIRED, "gone"), Settled(Status.EXPIRED, "not_found")):
            assert learn(politeness, answer) == verdict


def test_an_incident_of_one_push_service_is_not_anothers():
    politeness = surging()
    assert learn(politeness, GONE, service="mozilla") == Settled(Status.EXPIRED, "gone")
    assert politeness.doubted(NOW).surges == {(PushService.FCM, "site_a")}


def test_one_sites_old_list_is_not_anothers():
    politeness = surging()
    assert learn(politeness, GONE, site="site_b") == Settled(Status.EXPIRED, "gone")


def test_what_was_doubted_before_is_believed_unless_many_sites_are_in_a_wave():
    politeness = surging()
    assert learn(politeness, GONE, doubted=True) == Settled(Status.EXPIRED, "gone")
    sites = [f"site_{number}" for number in range(SITES)]
    for answer in (OK, GONE):
        for site in sites:
            for _ in range(120):
                learn(politeness, answer, site=site)
    assert politeness.doubted(NOW).waves == {PushService.FCM}
    assert learn(politeness, GONE, doubted=True) is QUARANTINED
    assert learn(politeness, GONE, site="site_new") is QUARANTINED
    assert learn(politeness, GONE, service="wns") == Settled(Status.EXPIRED, "gone")


def test_expirations_are_believed_again_when_it_is_over():
    politeness = surging()
    for _ in range(200):
        learn(politeness, OK)
    assert learn(politeness, GONE) == Settled(Status.EXPIRED, "gone")
    assert politeness.doubted(NOW) == Doubted()


def test_retries_and_failures_say_nothing_about_subscriptions():
    politeness = Politeness(100)
    for number in range(1000):
        learn(politeness, OK if number % 2 else GONE)
    before = politeness.doubted(NOW)
    for answer in (BUSY, PushResponse(500), TransportFailure.TIMEOUT):
        assert isinstance(learn(politeness, answer), TryAgain)
    assert politeness.doubted(NOW) == before


def test_slots_are_counted_right_whatever_happens():
    dice, politeness, flights, now = random.Random(2), Politeness(50), [], NOW
    for _ in range(5000):
        now += dice.choice([0.0, 0.01, 1.0])
        each = delivery(site=dice.choice("ab"), service=dice.choice(["fcm", "wns", "other"]))
        key, site = each.endpoint.origin.key, each.job.job.site_id
        room = politeness.room(Lane.NORMAL, key, site, others_wait=False)
        if room and politeness.wait_until(each, now) is None:
            run = dice.randint(1, min(room, 3))
            assert run == 1 or not politeness.closed_to(each)
            politeness.take(each, run)
            flights += [Flight(each, None, 0, now)] * run
        if flights and dice.random() < 0.45:
            flight = flights.pop(dice.randrange(len(flights)))
            answer = dice.choice([*ANSWERS, OK, OK, OK, OK, OK, OK])
            verdict = classify(flight.delivery.endpoint.origin.service, answer)
            if dice.random() < 0.1:
                politeness.recall(flight.delivery, flight.sent_at)
            else:
                politeness.learn([flight], answer, verdict, now)
        assert politeness.in_flight == len(flights) <= 50
