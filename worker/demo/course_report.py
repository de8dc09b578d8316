"""The report on a stretched campaign: when pushes came against when they were due, and figures. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table

from worker.demo.course import Course, Pause
from worker.demo.evidence import Evidence
from worker.demo.pace import busiest, curve, gaps
from worker.demo.producer import RecipientKey
from worker.demo.report import Check, percentile

PAUSE_HOLDS_SECONDS = 5.0
"""How long the contract gives a pause to take effect everywhere."""

BACK_SECONDS = 18.0
"""How long after a resume every recipient that waited in a tier must be back: 5 s until every worker knows of
the resume, 10 s in the tier that serves a pause as short as this one, and 3 s to get in and out of it."""

GAP_MOST = 0.1
STALL_SECONDS = 5.0
"""How long a busy machine may stall: a gap of that much of the plan is not the worker's fault."""

URGENT_SECONDS = 10.0
COLUMNS = 60


@dataclass(frozen=True, slots=True)
class Arrival:
    """A push of the campaign, as its push service saw it; times are in seconds since the epoch.

    Attributes:
        at: When it arrived.
        due: The earliest time at which it was allowed to arrive.
    """

    key: RecipientKey
    at: float
    due: float

    @property
    def late(self) -> float:
        """Seconds after its due time; negative if it came early."""
        return self.at - self.due


def arrivals_of(course: Course, evidence: Evidence) -> list[Arrival]:
    """Return the campaign's pushes in the order of their arrival."""
    expected = evidence.delivered.production.expected
    keys = {expected[key].endpoint: key for key in course.timetable.due if key in expected}
    came = ((keys[push.endpoint], push.at) for push in evidence.pushes if push.endpoint in keys)
    found = [Arrival(key, at, course.timetable.due_of(key, at, course.pause)) for key, at in came]
    return sorted(found, key=lambda push: push.at)


def back_by(pause: Pause) -> float:
    """Return when every recipient that waited in a tier at the resume must be back."""
    return pause.until + BACK_SECONDS


def gap_most(course: Course) -> float:
    """Return by what share of the campaign it may be off its plan: a tenth, or more if it is short."""
    return max(GAP_MOST, STALL_SECONDS / course.timetable.stretch)


# ── checks ──────────────────────────────────────────────────────────────────────────────────────────────────


def course_checks(course: Course, evidence: Evidence) -> list[Check]:
    """Compare when pushes came with when they were due."""
    pushes = arrivals_of(course, evidence)
    held, back = f"{PAUSE_HOLDS_SECONDS:g} s", f"{BACK_SECONDS:g} s"
    return [
        Check("no push came before it was due, allowing for the pause", list(_early(pushes))),
        Check(
            f"nothing was sent during the pause after its first {held}", list(_while_paused(pushes, course))
        ),
        Check(
            f"after the resume, no push was more than {back} late",
            list(_held_up(pushes, course)),
        ),
        Check(
            f"except around the pause, the gap to the plan stayed under {gap_most(course):.0%}",
            list(_astray(pushes, course)),
        ),
        Check(
            f"the urgent job was finished within {URGENT_SECONDS:g} s", list(_urgent_late(course, evidence))
        ),
    ]


def _name(push: Arrival) -> str:
    return f"{push.key.recipient_id} of {push.key.job_id}"


def _early(pushes: list[Arrival]) -> Iterator[str]:
    return (f"{_name(push)}: {-push.late:.3f} s early" for push in pushes if push.late < 0)


def _while_paused(pushes: list[Arrival], course: Course) -> Iterator[str]:
    pause = course.pause
    for push in pushes:
        if pause.at + PAUSE_HOLDS_SECONDS < push.at < pause.until:
            yield f"{_name(push)}: {push.at - pause.at:.1f} s after the pause"


def _held_up(pushes: list[Arrival], course: Course) -> Iterator[str]:
    for push in pushes:
        if push.at >= course.pause.until and push.late > BACK_SECONDS:
            yield f"{_name(push)}: {push.late:.1f} s late"


def _astray(pushes: list[Arrival], course: Course) -> Iterator[str]:
    most = gap_most(course)
    for at, gap in _steady_gaps(pushes, course):
        if abs(gap) >= most:
            yield f"{at - course.timetable.start:.1f} s after the start: {gap:+.1%}"


def _all_gaps(pushes: list[Arrival], course: Course) -> Iterator[tuple[float, float]]:
    planned = course.timetable.moments(course.pause)
    return ((at, gap / len(planned)) for at, gap in gaps(planned, (push.at for push in pushes)))


def _steady_gaps(pushes: list[Arrival], course: Course) -> Iterator[tuple[float, float]]:
    pause = course.pause
    return ((at, gap) for at, gap in _all_gaps(pushes, course) if at < pause.at or at > back_by(pause))


def _urgent_late(course: Course, evidence: Evidence) -> Iterator[str]:
    for key, seconds in urgent_seconds(course, evidence).items():
        if seconds > URGENT_SECONDS:
            yield f"{key.recipient_id} of {key.job_id}: after {seconds:.1f} s"


def urgent_seconds(course: Course, evidence: Evidence) -> Mapping[RecipientKey, float]:
    """Return the seconds from the urgent job's record to the outcome of each of its recipients."""
    written_at = evidence.delivered.written_at[course.urgent]
    return {
        key: outcome.at.timestamp() - written_at
        for key, outcome in evidence.received.outcomes.items()
        if key.job_id == course.urgent
    }


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CourseFigures:
    """How closely the campaign kept to its timetable; in seconds, gaps in shares of the campaign.

    Attributes:
        span: From the first push to the last.
        earliest: Least lateness of all pushes.
        late: Lateness of those that the pause did not delay: 50th, 95th and 99th percentile, and maximum.
        held: Maximum lateness of those that were due after the pause and before all were back.
        steady_gap: Largest gap before the pause, and once all are back.
        gap: Largest gap of all, ahead or behind.
        held_after: From the pause to the last push before the resume.
        pace: Planned pushes a second.
        busiest: Most pushes within one second after the resume.
        urgent: From the urgent job's record to its first and its last outcome.
    """

    span: float
    earliest: float
    late: tuple[float, float, float, float]
    held: float
    steady_gap: float
    gap: float
    held_after: float
    pace: float
    busiest: int
    urgent: tuple[float, float]


def course_figures(course: Course, evidence: Evidence) -> CourseFigures:
    """Measure it; everything is 0 if nothing came."""
    pushes = arrivals_of(course, evidence)
    arrivals = [push.at for push in pushes]
    pause = course.pause
    steady = sorted(push.late for push in pushes if not pause.at <= push.due <= back_by(pause))
    held = (push.late for push in pushes if pause.at <= push.due <= back_by(pause))
    urgent = urgent_seconds(course, evidence).values()
    return CourseFigures(
        span=arrivals[-1] - arrivals[0] if arrivals else 0.0,
        earliest=min((push.late for push in pushes), default=0.0),
        late=(*_percentiles(steady), max(steady, default=0.0)),
        held=max(held, default=0.0),
        steady_gap=_largest(_steady_gaps(pushes, course)),
        gap=_largest(_all_gaps(pushes, course)),
        held_after=max((at - pause.at for at in arrivals if pause.at <= at < pause.until), default=0.0),
        pace=len(course.timetable) / course.timetable.stretch,
        busiest=busiest(arrivals, pause.until),
        urgent=(min(urgent, default=0.0), max(urgent, default=0.0)),
    )


def _percentiles(late: list[float]) -> tuple[float, float, float]:
    return percentile(late, 50), percentile(late, 95), percentile(late, 99)


def _largest(found: Iterator[tuple[float, float]]) -> float:
    return max((gap for _, gap in found), key=abs, default=0.0)


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────


def render_course(course: Course, evidence: Evidence) -> RenderableType:
    """Show the figures, and the planned and the actual pace."""
    measured = course_figures(course, evidence)
    p50, p95, p99, most = measured.late
    pause = course.pause
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row()
    table.add_row("campaign", f"{len(course.timetable):,} pushes planned, over {measured.span:.1f} s")
    table.add_row("earliest", f"{measured.earliest * 1000:.1f} ms after it was due")
    table.add_row("lateness", f"p50 {p50:.3f} s, p95 {p95:.3f} s, p99 {p99:.3f} s, at most {most:.3f} s")
    table.add_row("largest gap", f"{measured.steady_gap:+.2%}; around the pause {measured.gap:+.2%}")
    table.add_row(
        "paused",
        f"for {pause.until - pause.at:.1f} s; the last push came {measured.held_after:.1f} s into it",
    )
    table.add_row("resumed", f"with all planned times {pause.shift:.1f} s later")
    table.add_row("held back", f"up to {measured.held:.1f} s late")
    table.add_row(
        "burst",
        f"{measured.busiest:,} pushes in the busiest second after the resume, {measured.pace:,.0f} planned",
    )
    table.add_row("urgent job", "outcomes {:.2f} to {:.2f} s after it was written".format(*measured.urgent))
    table.add_row("planned pace", _curve(course, course.timetable.moments(pause)))
    table.add_row("actual pace", _curve(course, [push.at for push in arrivals_of(course, evidence)]))
    return table


def _curve(course: Course, moments: list[float]) -> str:
    plan = course.timetable
    end = plan.start + plan.stretch + course.pause.shift
    return curve(moments, plan.start, end, COLUMNS, len(plan) / plan.stretch)
