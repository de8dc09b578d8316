"""When a stretched campaign's pushes are due: what `slice`, `start_at`, `stretch_time` and `shift` mean.

Pure. Like `contents.py`, a second, plain reading of the contract. Times are in seconds since the epoch.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from math import inf

from worker.demo.contract import JOBS, URGENT_JOBS
from worker.demo.drafts import FATES, Draft
from worker.demo.producer import RecipientKey

CAMPAIGN = "autumn"


@dataclass(frozen=True, slots=True)
class Pause:
    """A campaign's pause.

    Attributes:
        at: When it was requested.
        until: When the resume was requested; infinite before that.
        shift: Seconds by which the resume moved planned times.
    """

    at: float = inf
    until: float = inf
    shift: float = 0.0

    def shift_at(self, now: float) -> float:
        """Return by how many seconds planned times have moved; during the pause, it grows."""
        return self.shift if now >= self.until else max(0.0, now - self.at)

    def lasts(self, now: float) -> bool:
        """Return whether the campaign is paused."""
        return self.at <= now < self.until


NO_PAUSE = Pause()


class Timetable:
    """When each recipient is due whose push service must receive a request.

    Attributes:
        start: When the first one is due.
        stretch: Seconds from there to the end, without pauses.
        due: Due time of each recipient, without pauses.
    """

    def __init__(self, start: float, stretch: float, due: Mapping[RecipientKey, float]) -> None:
        self.start = start
        self.stretch = stretch
        self.due = due
        self._moments = sorted(due.values())

    def __len__(self) -> int:
        return len(self._moments)

    def planned(self, now: float, pause: Pause) -> int:
        """Count the recipients due by now; the plan stands still during a pause, and is moved by it later."""
        before = bisect_right(self._moments, min(now, pause.at))
        return max(before, bisect_right(self._moments, now - pause.shift_at(now)))

    def moments(self, pause: Pause) -> list[float]:
        """Return all due times in order; those after a pause that is over are moved by it."""
        return [due if due <= pause.at else due + pause.shift for due in self._moments]

    def due_of(self, key: RecipientKey, at: float, pause: Pause) -> float:
        """Return the earliest time at which the push that was sent at `at` was allowed to be sent."""
        return self.due[key] + (pause.shift if at >= pause.until else 0.0)


@dataclass(frozen=True, slots=True)
class Course:
    """What a stretched run had to keep to.

    Attributes:
        timetable: The campaign's timetable.
        pause: The campaign's pause, which is over.
        urgent: Id of the urgent job that was written during the campaign.
    """

    timetable: Timetable
    pause: Pause
    urgent: str


def split(drafts: Iterable[Draft]) -> tuple[list[Draft], Draft]:
    """Separate the campaign from the first urgent record, which is to overtake it.

    Raises:
        ValueError: None of the records is urgent.
    """
    drafts = list(drafts)
    urgent = next((each for each in drafts if each.topic == URGENT_JOBS), None)
    if urgent is None:
        raise ValueError("there is no urgent record")
    return [each for each in drafts if each is not urgent], urgent


def stretched(drafts: Sequence[Draft], start: float, seconds: float) -> list[Draft]:
    """Make one campaign of the drafts, spread evenly over `seconds` in their order.

    Args:
        drafts: As `draft` made them.
        start: Whole seconds since the epoch, so that nothing is lost in `start_at`.
        seconds: Duration of the campaign.
    """
    firsts = list(accumulate((len(each.recipients) for each in drafts), initial=0))
    common = {
        "campaign_id": CAMPAIGN,
        "start_at": datetime.fromtimestamp(start, UTC).isoformat(),
        "stretch_time": seconds,
    }
    return [
        replace(each, topic=JOBS, job={**each.job, **common, "slice": {"first": first, "total": firsts[-1]}})
        for each, first in zip(drafts, firsts, strict=False)
    ]


def timetable(drafts: Iterable[Draft], start: float, seconds: float) -> Timetable:
    """Work out when stretched drafts are due, leaving out recipients for which no request is made."""
    due = {
        RecipientKey(each.job["job_id"], recipient.id): start
        + seconds * ((each.job["slice"]["first"] + index) / each.job["slice"]["total"])
        for each in drafts
        for index, recipient in enumerate(each.recipients)
        if FATES[recipient.fate].asked
    }
    return Timetable(start, seconds, due)
