"""A campaign's planned times and its pause: what `slice`, `start_at`, `stretch_time` and `shift` ask for.

Pure. A second, plain reading of the contract, as in `contents.py`. Times are seconds since the epoch.
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
        at: When it was asked for.
        until: When the resume was; infinite while it lasts.
        shift: Seconds by which the resume moved planned times.
    """

    at: float = inf
    until: float = inf
    shift: float = 0.0

    def shift_at(self, now: float) -> float:
        """Seconds by which planned times have moved; a pause that goes on moves them with it."""
        return self.shift if now >= self.until else max(0.0, now - self.at)

    def lasts(self, now: float) -> bool:
        """Whether the campaign is paused."""
        return self.at <= now < self.until


NO_PAUSE = Pause()


class Timetable:
    """When each recipient of a campaign is due who is asked for at a push service.

    Attributes:
        start: When the first one is due.
        stretch: Seconds from there to the end, without pauses.
        due: By recipient, without pauses.
    """

    def __init__(self, start: float, stretch: float, due: Mapping[RecipientKey, float]) -> None:
        self.start = start
        self.stretch = stretch
        self.due = due
        self._moments = sorted(due.values())

    def __len__(self) -> int:
        return len(self._moments)

    def planned(self, now: float, pause: Pause) -> int:
        """How many are to be out by now; the plan stands still during a pause, and moves back by it."""
        before = bisect_right(self._moments, min(now, pause.at))
        return max(before, bisect_right(self._moments, now - pause.shift_at(now)))

    def moments(self, pause: Pause) -> list[float]:
        """All planned moments in order, those behind a pause that is over moved by it."""
        return [due if due <= pause.at else due + pause.shift for due in self._moments]

    def due_of(self, who: RecipientKey, at: float, pause: Pause) -> float:
        """Before which moment a push that went at `at` must not have gone."""
        return self.due[who] + (pause.shift if at >= pause.until else 0.0)


@dataclass(frozen=True, slots=True)
class Course:
    """What there was to keep to.

    Attributes:
        timetable: Of the campaign.
        pause: Of the campaign, over by now.
        urgent: Id of the urgent job that was written in the midst of it.
    """

    timetable: Timetable
    pause: Pause
    urgent: str


def split(drafts: Iterable[Draft]) -> tuple[list[Draft], Draft]:
    """Part the campaign from the first urgent record, which is to overtake it.

    Raises:
        ValueError: There is no urgent record among them.
    """
    drafts = list(drafts)
    urgent = next((each for each in drafts if each.topic == URGENT_JOBS), None)
    if urgent is None:
        raise ValueError("there is no urgent record")
    return [each for each in drafts if each is not urgent], urgent


def stretched(drafts: Sequence[Draft], start: float, seconds: float) -> list[Draft]:
    """Make one campaign of the drafts that is spread evenly over a time, in their order.

    Args:
        drafts: As `draft` made them.
        start: Whole seconds since the epoch, so that the contract's texts lose nothing.
        seconds: Of the campaign.
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
    """Read the planned times of stretched drafts; who is never asked for needs none."""
    due = {
        RecipientKey(each.job["job_id"], recipient.id): start
        + seconds * ((each.job["slice"]["first"] + index) / each.job["slice"]["total"])
        for each in drafts
        for index, recipient in enumerate(each.recipients)
        if FATES[recipient.fate].asked
    }
    return Timetable(start, seconds, due)
