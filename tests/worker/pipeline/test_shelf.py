from collections import Counter, defaultdict, deque
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.pipeline.shelf import Shelf
from worker.records.envelope import Partition
from worker.records.topics import BY_TOPIC, TIERS, URGENT_JOBS
from worker.timing.tiers import ready_at

patient = settings(deadline=None)  # a busy machine is no failure
URGENT = Partition("jobs.urgent", 0)
JOBS = Partition("jobs", 0)
SECONDS, MINUTES = Partition("later.10s", 0), Partition("later.1m", 0)
NOW = 1_000_000.0


@dataclass(frozen=True)
class Raw:
    partition: Partition
    offset: int = 0
    timestamp: float = NOW
    says_urgent: bool = False

    @property
    def urgent(self):
        return self.says_urgent or self.partition.topic == URGENT_JOBS


def room(partition, urgent):
    return True


def with_room_but(full):
    return lambda partition, urgent: partition not in full


@pytest.fixture
def shelf():
    return Shelf[Raw]()


def some(partition, count=2, timestamp=NOW):
    return [Raw(partition, offset, timestamp) for offset in range(count)]


def take_all(shelf, now, has_room=room):
    return list(iter(lambda: shelf.take(now, has_room), None))


def test_records_leave_in_the_order_in_which_they_came(shelf):
    records = some(JOBS, 5)
    shelf.put(records[:2], NOW)
    shelf.put(records[2:], NOW)
    assert take_all(shelf, NOW) == records
    assert not shelf.holding


def test_urgent_goes_before_ripe_before_others(shelf):
    shelf.put([*some(JOBS, 1), *some(SECONDS, 1), *some(URGENT, 1)], NOW)
    assert [record.partition for record in take_all(shelf, NOW + 10)] == [URGENT, SECONDS, JOBS]


def test_partitions_of_one_class_take_turns(shelf):
    partitions = [Partition("jobs", number) for number in range(3)]
    for partition in partitions:
        shelf.put(some(partition, 3), NOW)
    assert [record.partition.number for record in take_all(shelf, NOW)] == [0, 1, 2] * 3


def test_tiers_take_turns_with_each_other(shelf):
    shelf.put([*some(SECONDS, 3), *some(MINUTES, 3)], NOW)
    taken = take_all(shelf, NOW + 60)
    assert [record.partition for record in taken] == [SECONDS, MINUTES] * 3


def test_a_tier_record_comes_out_when_its_delay_is_over(shelf):
    shelf.put([*some(SECONDS, 1), *some(MINUTES, 1)], NOW)
    assert shelf.take(NOW + 9.9, room) is None
    assert shelf.next_ready(NOW + 9.9) == NOW + 10
    assert shelf.take(NOW + 10, room).partition == SECONDS
    assert shelf.next_ready(NOW + 10) == NOW + 60
    assert shelf.take(NOW + 60, room).partition == MINUTES
    assert shelf.next_ready(NOW + 60) is None


def test_only_the_head_of_a_tier_partition_counts(shelf):
    shelf.put([Raw(MINUTES, 0, NOW), Raw(MINUTES, 1, NOW - 60)], NOW)
    assert shelf.take(NOW + 59, room) is None
    assert [record.offset for record in take_all(shelf, NOW + 60)] == [0, 1]


@pytest.mark.parametrize(("wrong", "ready"), [(300, 10), (-300, 0)], ids=["fast", "slow"])
def test_a_wrong_clock_elsewhere_holds_nothing_up(shelf, wrong, ready):
    shelf.put(some(SECONDS, 1, NOW + wrong), NOW)
    assert shelf.take(NOW + ready - 0.1, room) is None
    assert shelf.take(NOW + ready, room)


def test_next_ready_passes_over_what_waits_for_room(shelf):
    shelf.put([*some(SECONDS, 1), *some(MINUTES, 1)], NOW)
    assert shelf.take(NOW + 10, lambda *_: False) is None
    assert shelf.next_ready(NOW + 10) == NOW + 60


def test_a_partition_without_room_is_asked_once_and_lets_the_others_pass(shelf):
    partitions = [Partition("jobs", number) for number in range(4)]
    for partition in [URGENT, *partitions]:
        shelf.put(some(partition, 1), NOW)
    asked = Counter()

    def has_room(partition, urgent):
        asked[partition] += 1
        return partition.number == 3

    assert shelf.take(NOW, has_room).partition.number == 3
    assert shelf.take(NOW, has_room) is None
    assert asked == Counter([URGENT, *partitions, URGENT, *partitions[:3]])
    assert shelf.holding == {URGENT, *partitions[:3]}


def test_a_failing_question_loses_nothing(shelf):
    shelf.put(some(JOBS, 1), NOW)
    with pytest.raises(ZeroDivisionError):
        shelf.take(NOW, lambda *_: 1 // 0)
    assert shelf.take(NOW, room)


def test_urgent_records_of_tiers_go_first_too(shelf):
    shelf.put([Raw(MINUTES, 0, NOW - 60), *some(URGENT, 1), Raw(SECONDS, 0, NOW - 10, says_urgent=True)], NOW)
    assert [record.partition for record in take_all(shelf, NOW)] == [URGENT, SECONDS, MINUTES]


def test_what_stands_before_an_urgent_record_of_a_tier_goes_with_it(shelf):
    late = [Raw(MINUTES, offset, NOW - 60, says_urgent=offset == 2) for offset in range(4)]
    shelf.put([*some(SECONDS, 2, NOW - 10), *late], NOW)
    taken = take_all(shelf, NOW)
    assert [record.partition for record in taken] == [MINUTES] * 3 + [SECONDS, MINUTES, SECONDS]


def test_an_urgent_record_lends_its_turn_from_the_moment_on_which_it_may_come_out(shelf):
    behind = Raw(MINUTES, 1, NOW - 55, says_urgent=True)
    shelf.put([Raw(MINUTES, 0, NOW - 60), behind, *some(SECONDS, 1, NOW - 10)], NOW)
    assert shelf.take(NOW, with_room_but({MINUTES})).partition == SECONDS
    shelf.put(some(SECONDS, 1, NOW - 10), NOW)
    assert shelf.overdue(NOW + 5)["1m"] == 5
    assert [record.partition for record in take_all(shelf, NOW + 5)] == [MINUTES, MINUTES, SECONDS]


def test_the_reserve_is_for_the_urgent_record_and_not_for_what_stands_before_it(shelf):
    shelf.put([Raw(MINUTES, 0, NOW - 60), Raw(MINUTES, 1, NOW - 60, says_urgent=True)], NOW)
    assert shelf.take(NOW, lambda _, urgent: urgent) is None
    assert shelf.take(NOW, room).offset == 0
    assert shelf.take(NOW, lambda _, urgent: urgent).offset == 1


def test_overdue_tells_how_long_the_oldest_ready_head_has_waited(shelf):
    calm = dict.fromkeys((tier.name for tier in TIERS), 0.0)
    assert shelf.overdue(NOW) == calm
    shelf.put(
        [*some(SECONDS, 1), *some(Partition("later.10s", 1), 1, NOW - 4), *some(MINUTES), *some(JOBS)], NOW
    )
    assert shelf.overdue(NOW + 5) == calm
    assert shelf.overdue(NOW + 15) == calm | {"10s": 9}
    take_all(shelf, NOW + 15)
    assert shelf.overdue(NOW + 61.5) == calm | {"1m": 1.5}


def test_clear_forgets_everything(shelf):
    shelf.put([*some(URGENT), *some(SECONDS), *some(MINUTES), *some(JOBS)], NOW)
    shelf.take(NOW + 10, room)
    shelf.clear()
    assert not shelf.holding
    assert shelf.take(NOW + 100, room) is None
    assert shelf.next_ready(NOW) is None
    shelf.put(some(MINUTES, 1), NOW)
    assert len(take_all(shelf, NOW + 60)) == 1


def test_a_thousand_partitions_are_not_looked_through_for_each_record(shelf):
    asked = Counter()

    def has_room(partition, urgent):
        asked[partition] += 1
        return True

    for number in range(1000):
        shelf.put(some(Partition("jobs", number), 3), NOW)
    assert len(take_all(shelf, NOW, has_room)) == 3000
    assert asked.total() == 3000


# ── against a model ─────────────────────────────────────────────────────────────────────────────────────

TOPICS = ["jobs.urgent", "jobs", "elsewhere", *BY_TOPIC]
partitions = st.builds(Partition, st.sampled_from(TOPICS), st.integers(0, 3))
records = st.tuples(partitions, st.integers(-120, 120), st.booleans())
puts = st.tuples(st.just("put"), st.lists(records, max_size=8))
waits = st.tuples(st.just("wait"), st.integers(0, 90))
takes = st.tuples(st.just("take"), st.lists(partitions, max_size=3))
steps = st.lists(puts | waits | takes, max_size=40)


class Model:
    """The same by brute force: rows of (ready, record), and how long ago each partition was served."""

    def __init__(self):
        self.rows = defaultdict(deque)

    def put(self, record, now):
        tier = BY_TOPIC.get(record.partition.topic)
        self.rows[record.partition].append((ready_at(tier, record.timestamp, now) if tier else now, record))

    def first(self, has_room, now):
        """Return the class that must be served now, and its partitions that may be."""
        classes = defaultdict(set)
        for partition, row in self.rows.items():
            if row and row[0][0] <= now and has_room(partition, row[0][1].urgent):
                in_tier = partition.topic in BY_TOPIC
                urgent = any(record.urgent and ready <= now for ready, record in row)
                classes[0 if urgent else 1 if in_tier else 2].add(partition)
        return classes[min(classes)] if classes else set()

    @property
    def holding(self):
        return {partition for partition, row in self.rows.items() if row}

    def next_ready(self, now):
        heads = [row[0][0] for partition, row in self.rows.items() if row and partition.topic in BY_TOPIC]
        return min((ready for ready in heads if ready > now), default=None)


@patient
@given(steps)
def test_the_shelf_does_what_the_model_says(steps):
    shelf, model, now, offset = Shelf[Raw](), Model(), NOW, 0
    for step, value in steps:
        if step == "wait":
            now += value
        elif step == "put":
            records = [
                Raw(partition, offset + i, now + late, says_urgent and partition.topic in BY_TOPIC)
                for i, (partition, late, says_urgent) in enumerate(value)
            ]
            offset += len(records)
            shelf.put(records, now)
            for record in records:
                model.put(record, now)
        else:
            has_room = with_room_but(value)
            allowed = model.first(has_room, now)
            taken = shelf.take(now, has_room)
            if taken is None:
                assert not allowed
            else:
                assert taken.partition in allowed
                assert model.rows[taken.partition].popleft()[1] is taken
        assert shelf.holding == model.holding
        assert shelf.next_ready(now) == model.next_ready(now)


@patient
@given(
    st.sampled_from(["jobs", "jobs.urgent", "later.1m"]),
    st.lists(st.integers(1, 5), min_size=1, max_size=6),
    st.data(),
)
def test_nobody_waits_longer_than_one_turn_of_each_other(topic, counts, data):
    shelf = Shelf[Raw]()
    for number, count in enumerate(counts):
        shelf.put(some(Partition(topic, number), count), NOW)
    left = dict(enumerate(counts))
    waited = Counter()
    while left:
        full = data.draw(st.sets(st.sampled_from(sorted(left)), max_size=len(left) - 1))
        taken = shelf.take(
            NOW + 60, with_room_but({Partition(topic, number) for number in full})
        ).partition.number
        waited.update(number for number in left if number not in full)
        assert waited.pop(taken) <= len(counts)
        left[taken] -= 1
        if not left[taken]:
            del left[taken]
