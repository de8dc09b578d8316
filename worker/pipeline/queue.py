"""Which deliveries are served next: a heap for those not due yet, and fair lines for those that are.

Deficit round robin between the sites of each push service (every delivery costs one), round robin between the
push services, two lanes. Deliveries taken out together are of one push service and one site. Knows nothing of
why there is or is not room for a request.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import chain

from worker.pipeline.delivery import Delivery, JobContext
from worker.records.job import Lane

QUANTUM = 16
"""Deliveries of a site that are served in a row: neighbours share their message, key and token."""

Room = Callable[[Lane, str, str], int]
"""How many more requests there may be, given a lane, a push service (by `Origin.key`) and a site."""


class _Line:
    """The deliveries for one push service in one lane, by site, each site's in order of arrival."""

    __slots__ = ("_served", "_sites", "_turns")

    def __init__(self) -> None:
        self._sites: dict[str, deque[Delivery]] = {}
        self._turns: deque[str] = deque()
        self._served = 0

    def __bool__(self) -> bool:
        return bool(self._turns)

    def __iter__(self) -> Iterator[Delivery]:
        return chain.from_iterable(self._sites[site] for site in self._turns)

    def add(self, site: str, deliveries: Iterable[Delivery]) -> None:
        queue = self._sites.get(site)
        if queue is None:
            queue = self._sites[site] = deque()
            self._turns.append(site)
        queue.extend(deliveries)

    @property
    def site(self) -> str:
        """The site whose turn it is."""
        return self._turns[0]

    def take(self, most: int) -> list[Delivery]:
        site = self._turns[0]
        queue = self._sites[site]
        run = [queue.popleft() for _ in range(min(most, QUANTUM - self._served, len(queue)))]
        self._served += len(run)
        if not queue:
            del self._sites[site]
            self._turns.popleft()
            self._served = 0
        elif self._served >= QUANTUM:
            self._turns.rotate(-1)
            self._served = 0
        return run


class _Lane:
    """The lines of one lane, by push service (`Origin.key`, as in politeness)."""

    __slots__ = ("_lines", "_turns")

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._turns: deque[str] = deque()

    def __bool__(self) -> bool:
        return bool(self._turns)

    def __iter__(self) -> Iterator[Delivery]:
        return chain.from_iterable(self._lines[key] for key in self._turns)

    def add(self, key: str, site: str, deliveries: Iterable[Delivery]) -> None:
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line()
            self._turns.append(key)
        line.add(site, deliveries)

    def take(self, lane: Lane, room: Room, most: int) -> list[Delivery]:
        for _ in range(len(self._turns)):
            key = self._turns[0]
            self._turns.rotate(-1)
            line = self._lines[key]
            allowed = min(most, room(lane, key, line.site))
            if allowed < 1:
                continue
            run = line.take(allowed)
            if not line:
                del self._lines[key]
                self._turns.pop()
            return run
        return []


class DueQueue:
    """All deliveries in memory that are not in flight."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Delivery]] = []
        self._lanes = {Lane.URGENT: _Lane(), Lane.NORMAL: _Lane()}
        self._by_site: Counter[tuple[str, Lane]] = Counter()
        self._size = 0
        self._added = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Delivery]:
        """Iterate over every delivery in the order of its turn: due ones first, then by time."""
        return chain(*self._lanes.values(), (delivery for _, _, delivery in sorted(self._heap)))

    @property
    def due(self) -> int:
        """Deliveries that are due."""
        return len(self) - len(self._heap)

    @property
    def waiting(self) -> int:
        """Deliveries whose time has not come."""
        return len(self._heap)

    @property
    def next_due(self) -> float | None:
        """When the first one in the heap is due, seconds since the epoch."""
        return self._heap[0][0] if self._heap else None

    def of_site(self, site_id: str, lane: Lane = Lane.NORMAL) -> int:
        """Return how many deliveries of a site are ahead of a new one; urgent ones overtake the others."""
        urgent = self._by_site.get((site_id, Lane.URGENT), 0)
        return urgent if lane is Lane.URGENT else urgent + self._by_site.get((site_id, Lane.NORMAL), 0)

    def add(self, job: JobContext, deliveries: Sequence[Delivery], now: float) -> None:
        """Let deliveries of one job wait for their time, or join their lines if it has come."""
        if not deliveries:
            return  # a count of 0 would stay forever
        self._by_site[job.job.site_id, job.lane] += len(deliveries)
        self._size += len(deliveries)
        due: defaultdict[str, list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            if delivery.next <= now:
                due[delivery.endpoint.origin.key].append(delivery)
            else:
                self._added += 1
                heappush(self._heap, (delivery.next, self._added, delivery))
        for key, together in due.items():
            self._lanes[job.lane].add(key, job.job.site_id, together)

    def ripen(self, now: float) -> None:
        """Move deliveries that have become due into their lines."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            delivery = heappop(heap)[2]
            job, key = delivery.job, delivery.endpoint.origin.key
            self._lanes[job.lane].add(key, job.job.site_id, (delivery,))

    def take(self, room: Room, most: int) -> list[Delivery]:
        """Take out deliveries that may go now and whose turn it is, all of one push service and one site.

        Args:
            room: Asked how many may go, each time a site's turn comes.
            most: Maximum number, at least 1; a turn may be shorter.

        Returns:
            The deliveries; empty if none is due, or none has room.
        """
        for lane, lines in self._lanes.items():
            run = lines.take(lane, room, most) if lines else []
            if run:
                self._size -= len(run)
                self._leave(run[0].job.job.site_id, lane, len(run))
                return run
        return []

    def waits(self, lane: Lane) -> bool:
        """Return whether a lane has deliveries that are due."""
        return bool(self._lanes[lane])

    def extract(self, wanted: Callable[[Delivery], bool], now: float) -> list[Delivery]:
        """Take out every delivery that `wanted` picks; the others keep their order."""
        everything = list(self)
        self.clear()
        taken = []
        for delivery in everything:
            if wanted(delivery):
                taken.append(delivery)
            else:
                self.add(delivery.job, (delivery,), now)
        return taken

    def clear(self) -> None:
        """Forget every delivery."""
        self._heap.clear()
        self._lanes = {lane: _Lane() for lane in self._lanes}
        self._by_site.clear()
        self._size = 0

    def _leave(self, site: str, lane: Lane, count: int) -> None:
        key = (site, lane)
        self._by_site[key] -= count
        if not self._by_site[key]:
            del self._by_site[key]
