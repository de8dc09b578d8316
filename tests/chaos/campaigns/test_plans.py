"""How a whole run is planned."""

from collections import Counter

import pytest

from tests.chaos.campaigns.plans import (
    BEHIND,
    WITHIN,
    Options,
    collector_plan,
    launcher_plan,
    relay_plan,
)


def test_of_forty_launchers_ten_die_within_a_transaction_and_ten_behind_its_commit():
    plan = launcher_plan(Options(kills=40))
    steps = Counter(arm.step for arm in plan)
    assert len(plan) == 40
    assert sum(steps[step] for step in WITHIN) == sum(steps[step] for step in BEHIND) == 10
    assert {arm.who for arm in plan} == {"launch"}


def test_relays_die_over_batches_and_over_urgent_sends():
    assert Counter(arm.who for arm in relay_plan(Options(relays=16))) == {"relay": 12, "urgent": 4}
    assert [arm.who for arm in relay_plan(Options(relays=2))] == ["relay", "urgent"]


def test_collectors_die_in_both_halves():
    assert [len(collector_plan(Options(collectors=5), half)) for half in (0, 1)] == [3, 2]


def test_the_same_seed_gives_the_same_plans():
    one, same, other = (launcher_plan(Options(seed=seed)) for seed in (7, 7, 8))
    assert one == same != other


def test_every_launcher_finds_something_to_die_in():
    assert Options(recipients=1_000_000, kills=40).chunk == 5000
    assert Options(recipients=20_000, kills=40).chunk == 100
    assert Options(recipients=1_000_000, kills=0).chunk == 5000


def test_there_is_room_for_both_launches_to_fifty():
    with pytest.raises(ValueError, match="at least 1100 recipients"):
        Options(recipients=1000, keys=10)
