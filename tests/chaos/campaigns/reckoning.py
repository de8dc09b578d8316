"""What must hold at the end of a run: jobs, statistics and push services agree. Pure.

An urgent send may stand in Kafka twice, at least once being all that is promised of it, but then as the same
job with the same recipient: so collectors know it again, and it is counted once.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from campaigns.model.ids import Kind, read
from worker.records.job import SendJob
from worker.timing.schedule import make_plan, times

EVEN, EVEN_OF_FIFTY, FIFTY = 0.02, 0.05, 50
"""How far due times may be from even ones, as a share of the stretch; and in a launch of fifty or fewer."""

RANDOM_SHARE = 1.95
"""The ids of an audience are random: of n in their order, one in a thousand audiences is further from even
than this divided by the root of n (Kolmogorov)."""

STATUSES = {"201": "sent", "410": "expired"}
"""What the worker makes of a push service's answer."""


class LaunchJobs:
    """What stands in Kafka of one launch.

    Attributes:
        repeated: How often a recipient stands there who stands there already.
        again: The same, of a job that was written again.
        dues: When each is due, in seconds since the epoch.
    """

    def __init__(self) -> None:
        self._job_of: dict[int, str] = {}
        self._jobs: set[str] = set()
        self.repeated = self.again = 0
        self.dues = array("d")

    @property
    def recipients(self) -> AbstractSet[int]:
        return self._job_of.keys()

    def add(self, job: SendJob) -> None:
        """Take in a job that was committed."""
        is_known, plan = job.job_id in self._jobs, make_plan(job, 0.0, 0.0)
        self._jobs.add(job.job_id)
        for index, recipient in enumerate(job.recipients):
            number = read(Kind.SUBSCRIBER, recipient.id)
            assert number is not None, "a recipient who is no subscriber"
            self._note(number, job.job_id, is_known=is_known)
            self.dues.append(times(plan, recipient, index).due)

    def _note(self, number: int, job_id: str, *, is_known: bool) -> None:
        before = self._job_of.get(number)
        if before is None:
            self._job_of[number] = job_id
        elif is_known and before == job_id:
            self.again += 1
        else:
            self.repeated += 1


@dataclass(frozen=True)
class Wanted:
    """A launch as it should be.

    Attributes:
        name: What it is called in problems: the topic of its pushes, too.
        recipients: Whom it is for.
        start: When its stretch begins, in seconds since the epoch.
        stretch: Seconds; 0 if it has none.
        is_urgent: Whether its jobs may be written again.
    """

    name: str
    recipients: AbstractSet[int]
    start: float = 0.0
    stretch: float = 0.0
    is_urgent: bool = False


@dataclass
class Reckoning:
    """Whatever is wrong, launch by launch, and the worst figures so far."""

    problems: list[str] = field(default_factory=list)
    uneven: dict[str, float] = field(default_factory=dict)
    again: int = 0
    recipients: int = 0

    def judge(
        self, wanted: Wanted, jobs: LaunchJobs, statistics: Mapping[str, Any], answered: Mapping[str, int]
    ) -> None:
        """Compare a launch with its jobs, its statistics, and what the push service answered.

        Args:
            wanted: The launch.
            jobs: What stands in Kafka of it.
            statistics: As the API tells them.
            answered: Subscriptions by the status that they were answered.
        """
        self.recipients += len(wanted.recipients)
        self.again += jobs.again
        found = [*_in_jobs(wanted, jobs), *_in_statistics(wanted, statistics, answered)]
        if wanted.stretch:
            self.uneven[wanted.name] = worst = unevenness(jobs.dues, wanted.start, wanted.stretch)
            if worst > allowed_unevenness(len(jobs.dues)):
                found.append(f"due times are {worst:.1%} of the stretch from even")
        self.problems += (f"{wanted.name}: {each}" for each in found)


def unevenness(dues: Sequence[float], start: float, stretch: float) -> float:
    """Return how far any due time is from where it would be if all were even, as a share of the stretch."""
    count = len(dues)
    places = ((due - start) / stretch - (place + 0.5) / count for place, due in enumerate(sorted(dues)))
    return max(map(abs, places), default=0.0)


def allowed_unevenness(count: int) -> float:
    """Return how uneven a launch to so many may be."""
    return EVEN_OF_FIFTY if count <= FIFTY else max(EVEN, RANDOM_SHARE / sqrt(count))


def _in_jobs(wanted: Wanted, jobs: LaunchJobs) -> Iterator[str]:
    lost, foreign = wanted.recipients - jobs.recipients, jobs.recipients - wanted.recipients
    again = 0 if wanted.is_urgent else jobs.again
    for what, count in (
        ("recipients are in no job", len(lost)),
        ("are in a job, and should be in none", len(foreign)),
        ("are there twice", jobs.repeated),
        ("are in a job that stands there twice", again),
    ):
        if count:
            yield f"{count} {what}"


def _in_statistics(
    wanted: Wanted, statistics: Mapping[str, Any], answered: Mapping[str, int]
) -> Iterator[str]:
    by_status = {STATUSES.get(status, status): count for status, count in answered.items()}
    total, sent = len(wanted.recipients), by_status.get("sent", 0)
    expected = {
        "targeted": total,
        "written": total,
        "attempted": total,
        "unknown": 0,
        "not_sent": 0,
        "by_status": by_status,
        "accepted": sent,
        "refused": total - sent,
    }
    for name, value in expected.items():
        if statistics[name] != value:
            yield f"{name} is {statistics[name]} in the statistics, and should be {value}"
