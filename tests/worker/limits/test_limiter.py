import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from worker.limits.limiter import COOL_DOWN, DECREASE, FLOOR, SHARE, SHARES_KEPT, URGENT_SHARE, Limiter
from worker.records.job import Lane

NORMAL, URGENT = Lane.NORMAL, Lane.URGENT


def fill(limiter, key="fcm", lane=NORMAL, most=1000, others_wait=False):
    """Take slots as long as there is room; return how many."""
    for taken in range(most):
        if not limiter.room(key, lane, others_wait=others_wait):
            return taken
        limiter.take(key, lane)
    return most


def limit(limiter, key="fcm"):
    return limiter.limits()[key][1]


def trouble(limiter, now, key="fcm", troubled=True):
    limiter.take(key, NORMAL)
    limiter.release(key, NORMAL, troubled=troubled, now=now)


@pytest.mark.parametrize("slots", [1, 2, 3, 10, 512])
def test_no_push_service_gets_more_than_its_share(slots):
    limiter = Limiter(slots)
    assert fill(limiter) == max(1, int(slots * SHARE))
    assert fill(limiter, "apple") == slots - max(1, int(slots * SHARE))
    assert (limiter.free, limiter.in_flight) == (0, slots)
    assert fill(limiter, "wns") == 0


def test_the_urgent_lane_leaves_room_while_others_wait():
    limiter = Limiter(100)
    assert sum(fill(limiter, key, URGENT, others_wait=True) for key in ("a", "b")) == 100 * URGENT_SHARE
    assert limiter.room("c", NORMAL, others_wait=True)
    assert sum(fill(limiter, key, URGENT) for key in ("c", "d")) == 10


def test_the_only_slot_may_be_urgent():
    assert fill(Limiter(1), lane=URGENT, others_wait=True) == 1


def test_trouble_lowers_the_limit_once_within_the_cool_down():
    limiter = Limiter(100)
    for moment in (0.0, 0.0, COOL_DOWN * 0.99):
        trouble(limiter, moment)
    assert limit(limiter) == int(75 * DECREASE)
    trouble(limiter, COOL_DOWN)
    assert limit(limiter) == int(75 * DECREASE * DECREASE)


def test_the_limit_never_falls_below_its_floor():
    limiter = Limiter(100)
    for second in range(100):
        trouble(limiter, second * COOL_DOWN)
    assert limit(limiter) == FLOOR
    assert fill(limiter) == FLOOR


def test_a_process_with_fewer_slots_than_the_floor_stays_alive():
    limiter = Limiter(2)
    for second in range(10):
        trouble(limiter, second * COOL_DOWN)
    assert fill(limiter) == 1


def test_the_limit_grows_by_about_one_for_each_full_round_that_goes_well():
    limiter = Limiter(100)
    for second in range(100):
        trouble(limiter, second)
    for _ in range(FLOOR):
        trouble(limiter, 200, troubled=False)
    assert limit(limiter) == FLOOR  # 4.9…
    trouble(limiter, 200, troubled=False)
    assert limit(limiter) == FLOOR + 1
    for _ in range(10_000):
        trouble(limiter, 200, troubled=False)
    assert fill(limiter) == 75


def test_one_push_services_trouble_is_not_anothers():
    limiter = Limiter(100)
    trouble(limiter, 0.0, "fcm")
    assert fill(limiter, "apple") == 75


def test_requests_that_were_on_the_wire_before_the_decrease_wait_for_it():
    limiter = Limiter(100)
    fill(limiter)
    limiter.release("fcm", NORMAL, troubled=True, now=0.0)
    assert limiter.limits() == {"fcm": (74, 52)}
    assert not limiter.room("fcm", NORMAL, others_wait=False)


def test_slots_that_come_back_together_teach_as_much_as_one_by_one():
    limits = []
    for many in (1, 5):
        limiter = Limiter(100)
        for second in range(8):
            trouble(limiter, second)
        limiter.take("fcm", NORMAL, 20)
        for _ in range(20 // many):
            limiter.release("fcm", NORMAL, many, troubled=False, now=9.0)
        assert limiter.in_flight == 0
        limits.append(limit(limiter))
    one_by_one, together = limits
    assert FLOOR + 3 <= one_by_one <= together <= one_by_one + 1


def test_what_is_idle_and_at_its_ceiling_is_forgotten():
    limiter = Limiter(100)
    trouble(limiter, 0.0, troubled=False)
    assert limiter.limits() == {}


def test_a_slot_that_was_not_used_teaches_nothing_and_leaves_nothing_behind():
    limiter = Limiter(100)
    limiter.take("fcm", NORMAL)
    limiter.give_back("fcm", NORMAL)
    assert (limiter.limits(), limiter.in_flight) == ({}, 0)


def test_hosts_that_failed_once_are_not_kept_for_ever():
    limiter = Limiter(100)
    limiter.take("busy", NORMAL)
    for number in range(10 * SHARES_KEPT):
        trouble(limiter, float(number), f"host-{number}")
    assert len(limiter.limits()) <= SHARES_KEPT
    assert limiter.limits()["busy"] == (1, 75)
    limiter.release("busy", NORMAL, troubled=False, now=0.0)
    assert limiter.in_flight == 0


class Traffic(RuleBasedStateMachine):
    """Requests of two lanes to a few push services, ending in any way."""

    keys = st.sampled_from(["fcm", "apple", "wns"])
    lanes = st.sampled_from(Lane)

    def __init__(self):
        super().__init__()
        self.slots = 12
        self.limiter = Limiter(self.slots)
        self.held = []
        self.now = 0.0

    @rule(key=keys, lane=lanes, others_wait=st.booleans(), most=st.integers(1, 12))
    def take_what_is_admitted(self, key, lane, others_wait, most):
        for _ in range(most):
            if not self.limiter.room(key, lane, others_wait=others_wait):
                break
            before = sum(held == key for held, _ in self.held)
            assert before + 1 <= self.limiter.limits().get(key, (0, 9))[1]
            self.limiter.take(key, lane)
            self.held.append((key, lane))

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 11), troubled=st.booleans(), passed=st.floats(0, 2))
    def release(self, index, troubled, passed):
        self.now += passed
        key, lane = self.held.pop(index % len(self.held))
        self.limiter.release(key, lane, troubled=troubled, now=self.now)

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 11))
    def give_back(self, index):
        self.limiter.give_back(*self.held.pop(index % len(self.held)))

    @invariant()
    def slots_are_counted_right(self):
        assert self.limiter.in_flight == len(self.held) <= self.slots
        assert self.limiter.free == self.slots - len(self.held)

    @invariant()
    def limits_stay_in_their_bounds(self):
        for key, (in_flight, most) in self.limiter.limits().items():
            assert in_flight == sum(held == key for held, _ in self.held)
            assert FLOOR <= most <= 9
            assert in_flight or most < 9


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)
