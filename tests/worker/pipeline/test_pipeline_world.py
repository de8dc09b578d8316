"""Clean stops, kills and lost partitions in a small world: what they may lose and repeat."""

from collections import defaultdict

import pytest

from tests.worker.pipeline.world import ATTEMPTS, FINAL, World, status_of
from worker.records.control import State
from worker.records.envelope import Partition


@pytest.mark.parametrize("seed", range(30))
def test_clean_stops_repeat_and_lose_nothing(seed):
    world = World(seed, clean=True)
    world.live(lives=12)
    assert world.repeats == 0
    for promise in world.upstream.promises.values():
        (outcome,) = promise.outcomes
        last = status_of(promise.answers[-1]) if promise.answers else None
        assert outcome["attempts"] == len(promise.answers)
        cancelled = {"cancelled"} if promise.campaign.state is State.CANCELLED else set()
        assert outcome["http_status"] == last or outcome["status"] in {"lapsed"} | cancelled
        assert outcome["status"] in ({FINAL[last]} if last in FINAL else {"failed", "lapsed"} | cancelled)
        if outcome["status"] == "lapsed":
            assert (outcome["detail"] == "retried") == (outcome["attempts"] > 0)
            assert outcome["detail"] in {"retried", "late", "produced_late"}
        assert (outcome["status"] == "failed") == (len(promise.answers) == ATTEMPTS and last not in FINAL)


@pytest.mark.parametrize("seed", range(30))
def test_kills_lose_nothing_and_repeat_little(seed):
    world = World(seed, clean=False)
    world.live(lives=12)
    assert world.repeats <= world.may_repeat
    for promise in world.upstream.promises.values():
        assert promise.outcomes
        assert all(outcome["attempts"] <= ATTEMPTS for outcome in promise.outcomes)
        sent = any(status_of(answer) == 201 for answer in promise.answers)
        assert sent or all(outcome["status"] != "sent" for outcome in promise.outcomes)


def test_worlds_are_not_empty():
    counts = defaultdict(int)
    for seed in range(4):
        world = World(seed, clean=True)
        world.live(lives=12)
        for promise in world.upstream.promises.values():
            counts[promise.outcomes[-1]["status"]] += 1
            counts["lapsed", promise.outcomes[-1]["detail"]] += promise.outcomes[-1]["status"] == "lapsed"
        assert any(world.logs[Partition("later.1m", 0)])
        for reason in ("not_due", "retry", "paused", "gate_closed"):
            counts[reason] += world.deferred(reason)
    statuses = {"sent", "expired", "rejected", "unauthorized", "failed", "lapsed", "cancelled"}
    lapsed = {("lapsed", detail) for detail in ("late", "retried", "produced_late")}
    counts = {what: count for what, count in counts.items() if count}
    assert set(counts) == statuses | {"not_due", "retry", "paused", "gate_closed"} | lapsed
