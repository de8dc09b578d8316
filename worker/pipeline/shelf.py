"""Where fetched records wait, undecoded, for their turn, each partition's in log order.

Decides whose turn it is: the urgent lane, then tiers whose delay has passed, then the rest; within each,
partitions take turns. A tier holds both lanes: a partition with an urgent record whose delay has passed is
served with the urgent lane, since the records ahead of it must go first. Knows nothing of consumers or of
what is inside a record.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import chain
from typing import Generic, Protocol, TypeVar

from worker.records.envelope import Partition
from worker.records.topics import BY_TOPIC, TIERS, URGENT_JOBS
from worker.timing.tiers import ready_at


class Shelved(Protocol):
    """What the shelf needs to know about a record; `timestamp` is in seconds since the epoch."""

    @property
    def partition(self) -> Partition:
        """Its partition; the topic is without the prefix."""

    @property
    def timestamp(self) -> float:
        """When it was written."""

    @property
    def urgent(self) -> bool:
        """Whether it belongs to the urgent lane."""


R = TypeVar("R", bound=Shelved)


class Shelf(Generic[R]):
    """Records that were fetched and not accepted yet; times are seconds since the epoch.

    A partition that has records here is in exactly one place: in one of three lines, or among the unripe, a
    heap of tier partitions by the moment at which their first record may come out.
    """

    def __init__(self) -> None:
        self._rows: dict[Partition, deque[tuple[float, R]]] = {}
        self._urgent: deque[Partition] = deque()
        self._ripe: deque[Partition] = deque()
        self._others: deque[Partition] = deque()
        self._unripe: list[tuple[float, Partition]] = []
        # Urgent records in tiers: when each unripe one may come out, and the number of ripe ones.
        self._urgent_unripe: list[tuple[float, Partition]] = []
        self._pressing: Counter[Partition] = Counter()

    @property
    def holding(self) -> frozenset[Partition]:
        """Partitions that have records here, and must not be fetched from."""
        return frozenset(self._rows)

    def put(self, records: Iterable[R], now: float) -> None:
        """Append records, each partition's in order; `now` is when they are first seen."""
        for record in records:
            partition = record.partition
            tier = BY_TOPIC.get(partition.topic)
            ready = now if tier is None else ready_at(tier, record.timestamp, now)
            if tier is not None and record.urgent:
                heappush(self._urgent_unripe, (ready, partition))
            row = self._rows.get(partition)
            if row is None:
                self._rows[partition] = deque([(ready, record)])
                self._line_up(partition, ready)
            else:
                row.append((ready, record))

    def take(self, now: float, has_room: Callable[[Partition, bool], bool]) -> R | None:
        """Take out the record whose turn it is; return None if there is none.

        Args:
            now: Seconds since the epoch.
            has_room: Returns whether a partition's next record, urgent or not, may be accepted; called at
                most once for each partition.
        """
        self._ripen(now)
        for line in (self._urgent, self._ripe, self._others):
            for position, partition in enumerate(line):
                if has_room(partition, self._rows[partition][0][1].urgent):
                    # Partitions passed over keep their places, or one could be passed over forever.
                    del line[position]
                    return self._pick(partition)
        return None

    def next_ready(self, now: float) -> float | None:
        """Return when the next tier partition is ready; those that are ready wait for room, not for time."""
        self._ripen(now)
        return self._unripe[0][0] if self._unripe else None

    def overdue(self, now: float) -> dict[str, float]:
        """Return, by tier name, how many seconds the oldest of the records that may come out has waited."""
        self._ripen(now)
        late = dict.fromkeys((tier.name for tier in TIERS), 0.0)
        for partition in chain(self._urgent, self._ripe):
            tier = BY_TOPIC.get(partition.topic)
            if tier is not None:
                late[tier.name] = max(late[tier.name], now - self._rows[partition][0][0])
        return late

    def clear(self) -> None:
        """Forget everything: the partitions were lost, or will be read again from their last commit."""
        for each in (self._rows, self._urgent, self._ripe, self._others, self._unripe):
            each.clear()
        self._urgent_unripe.clear()
        self._pressing.clear()

    def _pick(self, partition: Partition) -> R:
        row = self._rows[partition]
        _, record = row.popleft()
        if record.urgent and partition.topic in BY_TOPIC:
            self._pressing -= Counter((partition,))  # drops a count of 0
        if row:
            self._line_up(partition, row[0][0])
        else:
            del self._rows[partition]
        return record

    def _line_up(self, partition: Partition, ready: float) -> None:
        if partition.topic in BY_TOPIC:
            heappush(self._unripe, (ready, partition))
        elif partition.topic == URGENT_JOBS:
            self._urgent.append(partition)
        else:
            self._others.append(partition)

    def _ripen(self, now: float) -> None:
        while self._urgent_unripe and self._urgent_unripe[0][0] <= now:
            partition = heappop(self._urgent_unripe)[1]
            self._pressing[partition] += 1
            if partition in self._ripe:
                self._ripe.remove(partition)
                self._urgent.append(partition)
        while self._unripe and self._unripe[0][0] <= now:
            partition = heappop(self._unripe)[1]
            (self._urgent if partition in self._pressing else self._ripe).append(partition)
