"""How closely a campaign keeps to its timetable, while it runs and afterwards.

Pure; times are in seconds since the epoch.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from worker.demo.course import Pause, Timetable
from worker.demo.producer import RecipientKey
from worker.demo.report import percentile

KNOWN_AFTER = 1.0
"""Seconds until an outcome has certainly come (checkpoint, Kafka, poll); the live picture lags by as much."""

LEVELS = " ▁▂▃▄▅▆▇█"
PLANNED_LEVEL = 4
"""Level of the planned pace, which leaves as much room above as below."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The state of a running campaign.

    Attributes:
        elapsed: Seconds since its start; negative before it.
        planned: Share of the campaign that is due.
        actual: Share that has been sent.
        late: 99th percentile of lateness so far, in seconds.
        moved: Seconds by which its planned times have moved.
        paused: Whether it is paused.
        curve: The actual pace so far against the planned one, a character for each part of the time.
    """

    elapsed: float
    planned: float
    actual: float
    late: float
    moved: float
    paused: bool
    curve: str

    @property
    def gap(self) -> float:
        """Share of the campaign by which it is ahead of its plan; negative if it is behind."""
        return self.actual - self.planned


class Pace:
    """What is known about a running campaign."""

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._out: list[float] = []
        self._late: list[float] = []

    def take(self, key: RecipientKey, at: float, pause: Pause) -> None:
        """Note when a recipient's outcome was decided; recipients outside the timetable do not count."""
        if key in self._timetable.due:
            insort(self._out, at)
            insort(self._late, at - self._timetable.due_of(key, at, pause))

    def picture(self, now: float, pause: Pause, columns: int) -> Picture:
        """Return the state of `KNOWN_AFTER` seconds ago, for which all outcomes have come."""
        then = now - KNOWN_AFTER
        plan = self._timetable
        end = plan.start + plan.stretch + pause.shift_at(now)
        return Picture(
            elapsed=now - plan.start,
            planned=plan.planned(then, pause) / len(plan),
            actual=bisect_right(self._out, then) / len(plan),
            late=percentile(self._late, 99),
            moved=pause.shift_at(now),
            paused=pause.lasts(now),
            curve=curve(self._out, plan.start, end, columns, len(plan) / plan.stretch),
        )


def curve(moments: Sequence[float], start: float, end: float, columns: int, pace: float) -> str:
    """Draw how many moments fall into each part of a period.

    Args:
        moments: In order.
        start: Start of the period.
        end: End of the period.
        columns: How many parts to draw, one character each.
        pace: How many moments a second are drawn at half height.
    """
    width = (end - start) / columns
    edges = [bisect_left(moments, start + width * number) for number in range(columns + 1)]
    counts = (after - before for before, after in pairwise(edges))
    return "".join(LEVELS[_level(count / (width * pace))] for count in counts)


def _level(pace: float) -> int:
    """Return the level for a pace, which is a multiple of the planned one; any pace above 0 is visible."""
    return min(len(LEVELS) - 1, round(pace * PLANNED_LEVEL) or int(pace > 0))


def gaps(planned: Iterable[float], actual: Iterable[float]) -> Iterator[tuple[float, int]]:
    """Yield each moment at which the gap between the curves changes, and how far the actual one is ahead."""
    ahead = 0
    for at, change in sorted([*((at, -1) for at in planned), *((at, 1) for at in actual)]):
        ahead += change
        yield at, ahead


def busiest(moments: Sequence[float], after: float) -> int:
    """Return the largest number of moments within one second, from `after` on."""
    return max(
        (bisect_left(moments, at + 1.0) - index for index, at in enumerate(moments) if at >= after),
        default=0,
    )
