from collections import Counter, defaultdict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.worker.support import NOW, delivery
from worker.pipeline.queue import QUANTUM, DueQueue
from worker.records.job import Lane

ANY_NUMBER = 100_000


def for_all(_lane, _key, _site):
    return ANY_NUMBER


def but_for(refused):
    """Room for all but one push service."""
    return lambda _lane, key, _site: 0 if key == refused else ANY_NUMBER


def many(count, site="site_a", service="fcm", lane=Lane.NORMAL, **fields):
    """Deliveries that differ only in their number; the first is built, the others are copies."""
    first = delivery(site=site, service=service, lane=lane, **fields)
    return [msgspec.structs.replace(first, number=number) for number in range(count)]


def queued(*deliveries, now=NOW):
    queue = DueQueue()
    for each in deliveries:
        queue.add(each.job, [each], now)
    return queue


def drain(queue, room=for_all, most=ANY_NUMBER):
    taken = []
    while len(taken) < most and (run := queue.take(room, most - len(taken))):
        taken += run
    return taken


def sites(deliveries):
    return [each.job.job.site_id for each in deliveries]


def services(deliveries):
    return [each.endpoint.origin.key for each in deliveries]


def test_an_empty_queue_gives_nothing():
    queue = DueQueue()
    assert queue.take(for_all, 1) == []
    assert (len(queue), queue.due, queue.waiting, queue.next_due) == (0, 0, 0, None)


def test_a_site_is_served_in_the_order_of_arrival():
    deliveries = many(100)
    assert drain(queued(*deliveries)) == deliveries


def test_a_small_site_waits_for_one_turn_of_a_big_one():
    queue = queued(*many(10_000, "big"), *many(10, "small"))
    assert sites(drain(queue, most=QUANTUM + 10)) == ["big"] * QUANTUM + ["small"] * 10


def test_sites_take_turns_whatever_they_hold():
    queue = queued(*many(1000, "a"), *many(500, "b"), *many(QUANTUM + 1, "c"))
    served = Counter(sites(drain(queue, most=6 * QUANTUM)))
    assert served == {"a": 3 * QUANTUM - 1, "b": 2 * QUANTUM, "c": QUANTUM + 1}


def test_a_site_that_leaves_early_takes_nothing_from_the_next_ones_turn():
    queue = queued(*many(5, "a"), *many(100, "b"), *many(100, "c"))
    assert sites(drain(queue, most=5 + QUANTUM + 1)) == ["a"] * 5 + ["b"] * QUANTUM + ["c"]


def test_a_site_that_comes_later_is_no_worse_off_than_its_share():
    queue = queued(*many(1000, "a"), *many(1000, "b"))
    drain(queue, most=3 * QUANTUM + 5)
    for each in many(QUANTUM, "late"):
        queue.add(each.job, [each], NOW)
    soon = sites(drain(queue, most=3 * QUANTUM))
    assert soon.count("late") == QUANTUM


def test_push_services_take_turns():
    queue = queued(*many(50, service="fcm"), *many(QUANTUM + 3, service="apple"), *many(2, service="wns"))
    a_turn, rest = ["fcm"] * QUANTUM, 50 - 2 * QUANTUM
    assert services(drain(queue)) == [
        *a_turn, *["apple"] * QUANTUM, "wns", "wns", *a_turn, *["apple"] * 3, *["fcm"] * rest
    ]  # fmt: skip


def test_push_services_take_turns_where_few_may_go_at_a_time():
    queue = queued(*many(9, service="fcm"), *many(9, service="apple"))
    runs = [services(queue.take(for_all, 4)) for _ in range(4)]
    assert runs == [["fcm"] * 4, ["apple"] * 4, ["fcm"] * 4, ["apple"] * 4]


def test_a_turn_is_no_longer_than_there_is_room():
    queue = queued(*many(50, service="fcm"), *many(50, service="apple"))
    room = {"fcm": 3, "apple": 5}
    runs = [services(queue.take(lambda _lane, key, _site: room[key], 10)) for _ in range(2)]
    assert runs == [["fcm"] * 3, ["apple"] * 5]


def test_room_is_asked_for_whose_turn_it_is():
    queue, asked = queued(*many(20, "a"), *many(20, "b")), []
    for _ in range(3):
        queue.take(lambda *whose: asked.append(whose) or ANY_NUMBER, 10)
    assert asked == [(Lane.NORMAL, "fcm", site) for site in "aab"]


def test_hosts_that_nobody_knows_take_turns_each_for_itself():
    queue = queued(*many(QUANTUM + 1, service="other"), *many(1, service="fcm"))
    names = [each.endpoint.origin.service for each in drain(queue)]
    assert names == ["other"] * QUANTUM + ["fcm", "other"]


def test_a_push_service_that_is_not_admitted_does_not_hold_up_the_others():
    queue = queued(*many(50, service="fcm"), *many(5, service="apple"))
    assert services(drain(queue, but_for("fcm"))) == ["apple"] * 5
    assert len(queue) == 50
    assert services(drain(queue)) == ["fcm"] * 50


def test_the_urgent_lane_goes_first():
    queue = queued(*many(20), *many(20, lane=Lane.URGENT))
    assert [each.job.lane for each in drain(queue)] == [Lane.URGENT] * 20 + [Lane.NORMAL] * 20


def test_an_urgent_delivery_that_is_not_admitted_lets_the_others_pass():
    queue = queued(*many(2), *many(2, lane=Lane.URGENT))
    assert len(drain(queue, lambda lane, _key, _site: ANY_NUMBER * (lane is Lane.NORMAL))) == 2
    assert queue.waits(Lane.URGENT)
    assert not queue.waits(Lane.NORMAL)


def test_what_is_not_due_waits_for_its_time_and_comes_out_in_that_order():
    late, soon, now = (delivery(next=NOW + wait) for wait in (9.0, 3.0, 0.0))
    queue = queued(late, soon, now)
    assert (queue.due, queue.waiting, queue.next_due, len(queue)) == (1, 2, NOW + 3, 3)
    assert drain(queue) == [now]
    queue.ripen(NOW + 2.999)
    assert drain(queue) == []
    queue.ripen(NOW + 3)
    assert drain(queue) == [soon]
    queue.ripen(NOW + 100)
    assert drain(queue) == [late]


def test_what_is_due_at_one_moment_comes_out_in_the_order_of_arrival():
    deliveries = many(100, next=NOW + 5)
    queue = queued(*deliveries)
    queue.ripen(NOW + 5)
    assert drain(queue) == deliveries


@pytest.mark.parametrize("wait", [0.0, 5.0], ids=["due", "waiting"])
def test_extracting_keeps_the_others_in_their_order(wait):
    deliveries = many(100, next=NOW + wait)
    queue = queued(*deliveries)
    assert queue.extract(lambda each: each.number % 3 == 0, NOW) == deliveries[::3]
    queue.ripen(NOW + wait)
    assert drain(queue) == [each for each in deliveries if each.number % 3]


def test_extracting_leaves_the_turns_as_they_were():
    queue = queued(*many(40, "a"), *many(40, "b"), *many(40, "c"))
    drain(queue, most=QUANTUM)
    queue.extract(lambda each: False, NOW)
    assert sites(drain(queue, most=3 * QUANTUM)) == ["b"] * QUANTUM + ["c"] * QUANTUM + ["a"] * QUANTUM


def test_extracting_leaves_the_push_services_turns_as_they_were():
    queue = queued(*many(5, service="fcm"), *many(5, service="apple"), *many(5, service="wns"))
    drain(queue, most=5)
    queue.extract(lambda each: False, NOW)
    assert services(drain(queue)) == ["apple"] * 5 + ["wns"] * 5


def test_clearing_forgets_everything():
    queue = queued(*many(3), *many(3, next=NOW + 5), *many(3, lane=Lane.URGENT))
    queue.clear()
    assert (len(queue), queue.due, queue.waiting, queue.next_due) == (0, 0, 0, None)
    assert queue.of_site("site_a") == 0
    assert not any(queue.waits(lane) for lane in Lane)
    queue.ripen(NOW + 10)
    assert drain(queue) == []


SITES, SERVICES = ["a", "b", "c"], ["fcm", "apple", "other"]
TEMPLATES = {
    (site, service, lane): delivery(site=site, service=service, lane=lane)
    for site in SITES
    for service in SERVICES
    for lane in Lane
}


jobs = st.tuples(st.sampled_from(SITES), st.sampled_from(Lane))
services_and_waits = st.tuples(
    st.sampled_from(SERVICES), st.sampled_from([-5.0, 0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 14.0])
)


def members_of(job, members, now, numbered_from=0):
    """Deliveries of one job, each to a push service and due after a wait."""
    held = TEMPLATES[job[0], SERVICES[0], job[1]].job
    return [
        msgspec.structs.replace(
            TEMPLATES[job[0], service, job[1]], job=held, next=now + wait, number=numbered_from + number
        )
        for number, (service, wait) in enumerate(members, 1)
    ]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(jobs, st.lists(services_and_waits, max_size=2 * QUANTUM), st.integers(0, QUANTUM)),
        max_size=8,
    )
)
def test_what_is_added_together_waits_as_if_it_were_added_one_by_one(batches):
    together, apart = DueQueue(), DueQueue()
    for number, (job, members, then_taken) in enumerate(batches):
        now = NOW + number
        deliveries = members_of(job, members, now)
        together.add(TEMPLATES[job[0], "fcm", job[1]].job, deliveries, now)
        for each in deliveries:
            apart.add(each.job, [each], now)
        assert list(together) == list(apart)
        assert drain(together, most=then_taken) == drain(apart, most=then_taken)
        assert [together.of_site(site) for site in SITES] == [apart.of_site(site) for site in SITES]
    for queue in (together, apart):
        queue.ripen(NOW + 100)
    assert drain(together) == drain(apart)


def test_a_site_of_which_nothing_is_added_leaves_nothing_behind():
    queue = DueQueue()
    queue.add(delivery().job, [], NOW)
    assert not queue._by_site


class Waiting(RuleBasedStateMachine):
    """Compare with a plain list of everything that waits, in order of arrival at its line."""

    def __init__(self):
        super().__init__()
        self.queue = DueQueue()
        self.now = NOW
        self.added = 0
        self.waiting = []
        self.lines = defaultdict(list)

    def _line(self, each):
        self.lines[each.job.lane, each.endpoint.origin.key, each.job.job.site_id].append(each)

    @rule(
        job=jobs,
        members=st.lists(st.tuples(services_and_waits, st.integers(1, QUANTUM)), min_size=1, max_size=5),
    )
    def add(self, job, members):
        members = [member for member, count in members for _ in range(count)]
        together = members_of(job, members, self.now, self.added)
        self.added += len(together)
        self.queue.add(together[0].job, together, self.now)
        for each in together:
            if each.next > self.now:
                self.waiting.append(each)
            else:
                self._line(each)

    @rule(passed=st.sampled_from([0.5, 1.0, 5.0]))
    def ripen(self, passed):
        self.now += passed
        self.queue.ripen(self.now)
        for each in sorted(self.waiting, key=lambda each: (each.next, each.number)):
            if each.next <= self.now:
                self.waiting.remove(each)
                self._line(each)

    @rule(
        most=st.integers(1, 3 * QUANTUM),
        left=st.integers(1, 2 * QUANTUM),
        refused=st.sampled_from(["", "fcm", "apple"]),
        urgent=st.booleans(),
    )
    def take(self, most, left, refused, urgent):
        def room(lane, key, site):
            assert self.lines[lane, key, site]
            return left if key != refused and (urgent or lane is Lane.NORMAL) else 0

        run = self.queue.take(room, most)
        ready = [of for of, line in self.lines.items() if line and room(*of)]
        assert bool(run) == bool(ready)
        assert len(run) <= min(most, left, QUANTUM)
        if run:
            lane, key, site = run[0].job.lane, run[0].endpoint.origin.key, run[0].job.job.site_id
            assert (lane, key, site) in ready
            assert lane is Lane.URGENT or all(other is Lane.NORMAL for other, _, _ in ready)
            assert run == [self.lines[lane, key, site].pop(0) for _ in run]

    @rule(modulus=st.integers(2, 5))
    def extract(self, modulus):
        def wanted(each):
            return each.number % modulus == 0

        everything = [*self.waiting, *(each for line in self.lines.values() for each in line)]
        taken = self.queue.extract(wanted, self.now)
        assert Counter(each.number for each in taken) == Counter(e.number for e in everything if wanted(e))
        self.waiting = [each for each in self.waiting if not wanted(each)]
        self.lines.update({where: [e for e in line if not wanted(e)] for where, line in self.lines.items()})

    @invariant()
    def counts_are_right(self):
        due = sum(map(len, self.lines.values()))
        assert (self.queue.due, self.queue.waiting) == (due, len(self.waiting))
        assert len(self.queue) == due + len(self.waiting) == len(list(self.queue))
        assert self.queue.next_due == min((each.next for each in self.waiting), default=None)
        for site in SITES:
            assert self.queue.of_site(site) == sum(each.job.job.site_id == site for each in self.queue)
        for lane in Lane:
            assert self.queue.waits(lane) is any(
                line for (of, _, _), line in self.lines.items() if of is lane
            )


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(deadline=None, max_examples=50, stateful_step_count=30)
