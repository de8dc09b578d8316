from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.records.topics import BY_TOPIC, SHORTEST, TIERS
from worker.timing.tiers import (
    HORIZON,
    HORIZON_FULL,
    KEY_SOUGHT,
    MARGIN,
    choose_tier,
    key_tier,
    pause_tier,
    ready_at,
)

patient = settings(deadline=None)  # a busy machine is no failure
DAY = 86_400.0
NOW = 1_800_000_000.0
tiers = st.sampled_from(TIERS)
horizons = st.sampled_from([HORIZON, HORIZON_FULL])


def test_the_tiers_of_the_contract():
    assert {tier.topic: tier.delay for tier in TIERS} == {
        "later.10s": 10,
        "later.1m": 60,
        "later.10m": 600,
        "later.1h": 3600,
    }
    assert {tier.topic: tier for tier in TIERS} == BY_TOPIC
    assert min(TIERS, key=lambda tier: tier.delay) is SHORTEST
    assert SHORTEST.delay <= HORIZON_FULL
    assert SHORTEST.delay + MARGIN <= HORIZON


@pytest.mark.parametrize(
    ("wait", "name"),
    [
        *((wait, None) for wait in (-DAY, 0, 14.9, 15)),
        *((wait, "10s") for wait in (15.1, 61.9)),
        *((wait, "1m") for wait in (62, 601.9)),
        *((wait, "10m") for wait in (602, 3601.9)),
        *((wait, "1h") for wait in (3602, DAY, 365 * DAY)),
    ],
)
def test_the_largest_delay_that_does_not_overshoot_is_chosen(wait, name):
    tier = choose_tier(wait)
    assert (tier.name if tier else None) == name


def test_the_horizon_shrinks_when_memory_is_full():
    assert choose_tier(12, HORIZON_FULL) is SHORTEST
    assert choose_tier(10, HORIZON_FULL) is None


@patient
@given(st.floats(-DAY, 400 * DAY), horizons)
def test_no_tier_overshoots_and_none_is_within_the_horizon(wait, horizon):
    tier = choose_tier(wait, horizon)
    assert (tier is None) == (wait <= horizon)
    if tier:
        assert tier.delay <= wait
        larger = [other for other in TIERS if other.delay > tier.delay]
        assert all(other.delay + MARGIN > wait for other in larger)


@patient
@given(st.floats(0, 3 * DAY), st.data())
def test_a_record_is_back_in_memory_before_it_is_due(wait, data):
    hops = 0
    while tier := choose_tier(wait):
        ways_out = data.draw(st.floats(0, MARGIN)) if hops < 50 else MARGIN
        wait -= ready_at(tier, NOW, NOW) - NOW + ways_out
        hops += 1
        assert wait >= 0
    # 72 of an hour, then up to 6, 10 and 5 of the shorter ones
    assert hops <= 72 + 6 + 10 + 5


# ── where a paused recipient rests ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("paused_for", "tier"),
    [(-50, "10s"), (0, "10s"), (100, "10s"), (101, "1m"), (600, "1m"), (601, "10m"), (6001, "1h")],
)
def test_the_longer_the_pause_the_longer_the_rest(paused_for, tier):
    assert pause_tier(paused_for, inf).name == tier


@given(st.floats(0, 36_000))
def test_a_rest_is_at_least_ten_seconds_and_a_tenth_of_the_pause(paused_for):
    rest = pause_tier(paused_for, inf).delay
    assert rest >= max(10.0, paused_for / 10)


def test_nobody_rests_for_more_than_an_hour():
    assert pause_tier(1e9, inf).delay == 3600.0


@pytest.mark.parametrize(
    ("life", "tier"),
    [(-5, "10s"), (5, "10s"), (60, "10s"), (62, "1m"), (600, "1m"), (3600, "10m"), (3602, "1h")],
)
def test_nobody_rests_for_longer_than_it_lives(life, tier):
    assert pause_tier(1e9, life).name == tier


# ── when a record comes out ─────────────────────────────────────────────────────────────────────────────


@patient
@given(tiers, st.floats(0, DAY))
def test_a_record_comes_out_after_its_delay(tier, age):
    assert ready_at(tier, NOW - age, NOW) == pytest.approx(max(NOW - age + tier.delay, NOW))


@patient
@given(tiers, st.floats(-DAY, DAY))
def test_a_wrong_clock_holds_no_record_up_for_more_than_its_delay(tier, wrong):
    ready = ready_at(tier, NOW + wrong, NOW)
    assert NOW <= ready <= NOW + tier.delay
    if wrong >= 0:
        assert ready == NOW + tier.delay


@pytest.mark.parametrize(("wrong", "wait"), [(300, 60), (0, 60), (-30, 30), (-60, 0), (-300, 0)])
def test_a_clock_that_is_minutes_off(wrong, wait):
    assert ready_at(BY_TOPIC["later.1m"], NOW + wrong, NOW) == NOW + wait


@pytest.mark.parametrize(
    ("sought_for", "delay"), [(0, 10), (59, 10), (60, 60), (599, 60), (KEY_SOUGHT, None), (DAY, None)]
)
def test_a_missing_key_is_looked_for_often_at_first_and_not_for_ever(sought_for, delay):
    tier = key_tier(sought_for)
    assert (tier and tier.delay) == delay
