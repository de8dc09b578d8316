import random

import pytest

from tests.worker.limits.support import closed, fail, good, lets, probe, throttle
from worker.limits.gates import (
    FAILURES,
    FIRST_PERIOD,
    GATES_KEPT,
    IDLE,
    LAST_PERIOD,
    PROBE_LIMIT,
    SITES,
    STRIKES,
    Gates,
)

# ── closing ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_gate_closes_after_so_many_strikes_in_a_row():
    gates = Gates()
    throttle(gates, 0.0, times=STRIKES - 1)
    assert lets(gates, 0.0)
    throttle(gates, 0.0)
    assert gates.wait_until("fcm", "a", 0.0) == FIRST_PERIOD
    assert dict(gates.closed()) == {"fcm": 1}


def test_single_ones_among_good_answers_close_nothing():
    gates = Gates()
    for now in range(1000):
        throttle(gates, float(now), times=STRIKES - 1)
        good(gates, float(now))
        assert lets(gates, float(now))
    assert len(gates) == 0


@pytest.mark.parametrize(
    ("wait", "period"), [(0.0, FIRST_PERIOD), (2.0, FIRST_PERIOD), (20.0, 20.0), (86_400.0, LAST_PERIOD)]
)
def test_the_first_period_is_what_the_answer_asks_for_within_bounds(wait, period):
    assert closed(wait=wait).wait_until("fcm", "a", 0.0) == period


def test_sites_and_push_services_do_not_affect_each_other():
    gates = closed("a")
    assert lets(gates, 0.0, "b")
    assert lets(gates, 0.0, "a", "mozilla")
    fail(gates, 0.0, key="x.example:443", times=FAILURES)
    assert not lets(gates, 0.0, "b", "x.example:443")
    assert lets(gates, 0.0, "b")
    assert lets(gates, 0.0, "b", "y.example:443")


def test_answers_to_what_was_under_way_when_the_gate_closed_change_nothing():
    gates = closed(at=10.0)
    throttle(gates, 11.0, times=100, sent_at=9.9)
    gates.answered("fcm", "a", 9.9)
    gates.answered("fcm", "a", 10.0)
    assert gates.wait_until("fcm", "a", 12.0) == 10.0 + FIRST_PERIOD


# ── probing ─────────────────────────────────────────────────────────────────────────────────────────────


def test_one_probe_goes_when_the_period_is_over():
    gates = closed()
    assert not lets(gates, FIRST_PERIOD - 0.01)
    assert lets(gates, FIRST_PERIOD)
    assert not any(lets(gates, FIRST_PERIOD + second) for second in range(int(PROBE_LIMIT)))


def test_only_what_goes_through_a_closed_gate_is_a_probe():
    gates = closed()
    throttle(gates, 0.0, "troubled", times=STRIKES - 1)
    assert lets(gates, FIRST_PERIOD)
    assert gates.closed_to("fcm", "a")
    for site, key in (("troubled", "fcm"), ("b", "fcm"), ("a", "wns")):
        assert lets(gates, FIRST_PERIOD, site, key)
        assert not gates.closed_to(key, site)
    good(gates, FIRST_PERIOD)
    assert not gates.closed_to("fcm", "a")


def test_a_probe_that_never_lands_is_given_up():
    gates = closed()
    assert lets(gates, FIRST_PERIOD)
    assert gates.wait_until("fcm", "a", FIRST_PERIOD) == FIRST_PERIOD + PROBE_LIMIT
    assert lets(gates, FIRST_PERIOD + PROBE_LIMIT)


@pytest.mark.parametrize("answer", [throttle, fail])
def test_the_period_doubles_with_each_bad_probe_up_to_a_limit(answer):
    gates, now, periods = closed(), 0.0, []
    for _ in range(6):
        until = gates.wait_until("fcm", "a", now)
        periods.append(until - now)
        now = until
        probe(gates, now, answer)
    assert periods == [5, 10, 20, 40, 60, 60]


def test_a_good_probe_opens_and_the_next_closing_starts_anew():
    gates = closed()
    for now in (5.0, 15.0):
        probe(gates, now, throttle)
    probe(gates, 35.0, good)
    assert all(lets(gates, 35.0) for _ in range(10))
    throttle(gates, 40.0, times=STRIKES - 1)
    assert lets(gates, 40.0)
    throttle(gates, 40.0)
    assert gates.wait_until("fcm", "a", 40.0) == 40.0 + FIRST_PERIOD


def test_a_probe_that_was_recalled_frees_the_gate():
    gates = closed()
    assert lets(gates, 6.0)
    assert not lets(gates, 6.1)
    gates.recalled("fcm", "a", 6.0)
    assert lets(gates, 6.2)


def test_recalling_what_went_before_the_closing_lets_no_second_probe_through():
    gates = closed(at=1.0)
    assert lets(gates, 6.0)
    gates.recalled("fcm", "a", 0.5)
    assert not lets(gates, 6.1)


def test_a_clock_that_is_set_back_closes_a_gate_for_no_longer():
    gates = closed(at=1_000_000.0)
    assert gates.wait_until("fcm", "a", 1000.0) == 1000.0 + FIRST_PERIOD
    probe(gates, 1000.0 + FIRST_PERIOD, good)
    assert all(lets(gates, 1006.0) for _ in range(10))


# ── a whole push service ────────────────────────────────────────────────────────────────────────────────


def test_gates_of_several_sites_widen_to_the_push_service():
    sites = "abcdefgh"[:SITES]
    assert lets(closed(*sites[1:]), 0.0, "other")
    gates = closed(*sites)
    assert gates.wait_until("fcm", "other", 0.0) == FIRST_PERIOD
    assert lets(gates, 0.0, "other", "mozilla")
    assert dict(gates.closed()) == {"fcm": SITES + 1}


def test_one_probe_goes_to_a_push_service_whoevers_it_is():
    gates = closed("a", "b", "c")
    assert lets(gates, 5.0, "other")
    assert not any(lets(gates, 5.1, site) for site in ("other", "a", "b", "c", "d"))
    gates.answered("fcm", "other", 5.0)
    assert all(lets(gates, 5.2, site) for site in ("other", "d", "a", "b", "c"))
    assert not any(lets(gates, 5.3, site) for site in "abc")


@pytest.mark.parametrize("answer", [throttle, fail])
def test_a_bad_probe_by_a_new_site_keeps_the_push_service_closed_for_longer(answer):
    gates = closed("a", "b", "c")
    probe(gates, 5.0, answer, "other")
    assert gates.wait_until("fcm", "d", 5.0) == 15.0


def test_throttled_sites_among_others_that_get_through_close_nothing_but_their_own():
    gates, held = Gates(), 0
    for tick in range(6000):
        now = tick / 10
        for site in "abcde":
            if lets(gates, now, site):
                throttle(gates, now, site)
            held += not lets(gates, now, "good")
            good(gates, now, "good")
    assert held == 0
    assert dict(gates.closed()) == {"fcm": 5}


def test_the_circuit_opens_after_failures_in_a_row_and_only_then():
    gates = Gates()
    for answer in (good, throttle):
        fail(gates, 0.0, times=FAILURES - 1)
        answer(gates, 0.0, "b")
        assert lets(gates, 0.0)
    fail(gates, 0.0, "a", times=FAILURES // 2)
    fail(gates, 0.0, "b", times=FAILURES - FAILURES // 2)
    assert not any(lets(gates, 1.0, site) for site in "abc")
    assert lets(gates, 1.0, "a", "mozilla")
    probe(gates, 5.0, fail, "c")
    assert gates.wait_until("fcm", "a", 5.0) == 15.0
    probe(gates, 15.0, good, "d")
    assert all(lets(gates, 15.0, site) for site in "abcd")


def test_a_circuit_closes_again_when_anything_answers_even_a_throttled_site():
    gates = Gates()
    fail(gates, 0.0, times=FAILURES)
    probe(gates, 5.0, throttle, "a")
    assert all(lets(gates, 5.1, site) for site in "abc")


def test_a_sites_probe_that_finds_nobody_is_a_bad_one():
    gates = closed("a")
    probe(gates, 5.0, fail, "a")
    assert gates.wait_until("fcm", "a", 5.0) == 15.0
    assert lets(gates, 5.0, "b")


@pytest.mark.parametrize("seed", range(20))
def test_once_all_is_well_every_site_gets_through_in_bounded_time(seed):
    dice, gates, now = random.Random(seed), Gates(), 0.0
    sites = [f"s{number}" for number in range(dice.choice([1, 2, 3, 8]))]
    flights = []
    for _ in range(3000):
        now += dice.choice([0.01, 0.3, 2.0])
        site = dice.choice(sites)
        if lets(gates, now, site):
            flights.append((site, now))
        if flights and dice.random() < 0.7:
            site, sent_at = flights.pop(dice.randrange(len(flights)))
            match dice.choice(["good", "throttled", "throttled", "failed", "failed", "lost", "recalled"]):
                case "good" if dice.random() < 0.2:
                    gates.answered("fcm", site, sent_at)
                case "throttled":
                    throttle(gates, now, site, sent_at=sent_at, wait=dice.choice([0.0, 30.0, 9999.0]))
                case "failed":
                    gates.unreachable("fcm", site, sent_at=sent_at, now=now)
                case "recalled":
                    gates.recalled("fcm", site, sent_at)
    waiting, deadline = set(sites), now + PROBE_LIMIT + 2 * LAST_PERIOD
    while waiting and now < deadline:
        now += 0.1
        for site in sorted(waiting):
            if lets(gates, now, site):
                good(gates, now, site)
                waiting.discard(site)
    assert not waiting
    assert dict(gates.closed()) == {}


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────────


def test_good_answers_leave_nothing_behind():
    gates = Gates()
    for number in range(1000):
        throttle(gates, 0.0, f"s{number}")
        good(gates, 0.0, f"s{number}")
    assert len(gates) == 0


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_gates_of_a_hundred_thousand_sites_and_hosts_are_bounded(spread):
    gates = Gates()
    for number in range(100_000):
        throttle(gates, number * spread, f"s{number}")
        fail(gates, number * spread, key=f"h{number}.example:443")
        assert len(gates) <= GATES_KEPT


def test_idle_gates_are_forgotten():
    gates = closed(*(f"s{number}" for number in range(100)))
    fail(gates, 0.0, key="h.example:443")
    assert lets(gates, IDLE + 1, "whoever")
    assert len(gates) == 0
