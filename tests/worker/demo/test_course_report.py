import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from worker.demo.contract import Outcome
from worker.demo.course import Course, Pause, Timetable
from worker.demo.course_report import (
    BACK_SECONDS,
    course_checks,
    course_figures,
    gap_most,
    render_course,
)
from worker.demo.evidence import Delivered, Evidence, Push, Received
from worker.demo.producer import Expected, Production, RecipientKey

T0 = 1_800_000_000.0
TOTAL, STRETCH = 200, 100.0
PAUSE = Pause(T0 + 40, T0 + 48, 8.0)
URGENT = RecipientKey("urgent", "sub-u")

EARLY, PAUSED, HELD, GAP, OVERTAKEN = range(5)
"""Indexes of the checks in their list."""


def who(number):
    return RecipientKey("job-1", f"sub-{number}")


def planned(number):
    """One each half second, those after the pause moved by it."""
    due = T0 + STRETCH * number / TOTAL
    return due if due <= PAUSE.at else due + PAUSE.shift


def pushes(**moved):
    """Each 10 ms late, except those in `moved`, which gives seconds after the start."""
    came = {f"sub_{number}": planned(number) + 0.01 for number in range(TOTAL)}
    came |= {name: T0 + at for name, at in moved.items()}
    return [Push(f"https://localhost/{name}", taken=True, digest=1, at=at) for name, at in came.items()]


def outcome(at):
    return Outcome(URGENT.recipient_id, "sent", datetime.fromtimestamp(at, UTC), 1)


@pytest.fixture
def course():
    due = {who(number): T0 + STRETCH * number / TOTAL for number in range(TOTAL)}
    return Course(Timetable(T0, STRETCH, due), PAUSE, URGENT.job_id)


@pytest.fixture
def evidence(course):
    """The evidence of a run in which everything went right."""
    expected = {
        who(number): Expected("sent", True, "books", "fcm", f"https://localhost/sub_{number}", 1)
        for number in range(TOTAL)
    }
    received = Received()
    received.outcomes[URGENT] = outcome(T0 + 20.25)
    delivered = Delivered(Production([], expected, {}, []), {URGENT.job_id: T0 + 20}, course)
    return Evidence(delivered, received, pushes(), {}, 1.0)


def failures(course, evidence):
    found = course_checks(course, evidence)
    return {place: list(check.problems) for place, check in enumerate(found) if not check.passed}


def test_when_all_is_right_every_check_passes(course, evidence):
    assert failures(course, evidence) == {}
    assert len(course_checks(course, evidence)) == 5


def test_a_push_that_comes_early_is_named(course, evidence):
    early = replace(evidence, pushes=pushes(sub_10=4.999))
    assert failures(course, early) == {EARLY: ["sub-10 of job-1: 0.001 s early"]}


def test_after_the_resume_the_moved_time_counts(course, evidence):
    early = replace(evidence, pushes=pushes(sub_120=67.5))  # planned at 60, moved to 68
    assert failures(course, early) == {EARLY: ["sub-120 of job-1: 0.500 s early"]}


def test_a_pause_has_five_seconds_to_take_hold(course, evidence):
    in_time = replace(evidence, pushes=pushes(sub_81=40.6, sub_89=44.9))
    assert failures(course, in_time) == {}
    too_late = replace(evidence, pushes=pushes(sub_91=45.6))
    assert failures(course, too_late) == {PAUSED: ["sub-91 of job-1: 5.6 s after the pause"]}


def test_who_rested_may_be_late_for_as_long_as_rests_take(course, evidence):
    rested = {f"sub_{number}": 58.5 for number in range(81, 101)}
    assert failures(course, replace(evidence, pushes=pushes(**rested))) == {}
    late = replace(evidence, pushes=pushes(sub_81=49 + BACK_SECONDS))
    assert failures(course, late) == {HELD: ["sub-81 of job-1: 18.5 s late"]}


def test_a_gap_of_a_tenth_is_too_much(course, evidence):
    stuck = {f"sub_{number}": 25.5 for number in range(30, 50)}
    failed = failures(course, replace(evidence, pushes=pushes(**stuck)))
    assert list(failed) == [GAP]
    assert failed[GAP][:2] == ["24.5 s after the start: -10.0%", "25.0 s after the start: -10.5%"]


@pytest.mark.parametrize(("stretch", "most"), [(20, 0.25), (50, 0.1), (3600, 0.1)])
def test_a_short_campaign_may_be_off_by_a_stall_of_the_machine(course, stretch, most):
    assert gap_most(replace(course, timetable=Timetable(T0, stretch, {}))) == most


def test_what_never_came_is_a_gap_as_well(course, evidence):
    failed = failures(course, replace(evidence, pushes=pushes()[:100]))
    assert list(failed) == [GAP]
    assert failed[GAP][-1] == "107.5 s after the start: -50.0%"


def test_an_urgent_job_that_waits_is_named(course, evidence):
    evidence.received.outcomes[URGENT] = outcome(T0 + 31)
    assert failures(course, evidence) == {OVERTAKEN: ["sub-u of urgent: after 11.0 s"]}


def test_figures(course, evidence):
    rested = {f"sub_{number}": 51 for number in range(81, 86)}
    measured = course_figures(course, replace(evidence, pushes=pushes(**rested, sub_80=40.7, sub_10=5.2)))
    assert measured.span == pytest.approx(107.5)
    assert measured.earliest == pytest.approx(0.01, abs=1e-6)
    assert measured.late == pytest.approx((0.01, 0.01, 0.01, 0.2), abs=1e-6)
    assert measured.held == pytest.approx(2.5)
    assert measured.held_after == pytest.approx(0.7)
    assert (measured.pace, measured.busiest) == (2.0, 7)
    assert measured.steady_gap == -1 / TOTAL
    assert measured.gap == -6 / TOTAL
    assert measured.urgent == (0.25, 0.25)


def test_figures_of_nothing(course, evidence):
    measured = course_figures(course, replace(evidence, pushes=[], received=Received()))
    assert (measured.span, measured.late, measured.urgent) == (0, (0, 0, 0, 0), (0, 0))
    assert measured.gap == -1


def test_the_table(course, evidence):
    console = Console(file=io.StringIO(), width=120)
    console.print(render_course(course, evidence))
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    for line in (
        "campaign 200 pushes planned, over 107.5 s",
        "earliest 10.0 ms after it was due",
        "lateness p50 0.010 s, p95 0.010 s, p99 0.010 s, at most 0.010 s",
        "resumed with all planned times 8.0 s later",
        "urgent job outcomes 0.25 to 0.25 s after it was written",
    ):
        assert line in lines
    assert [line.split(" pace ")[0] for line in lines if " pace ▄▄" in line] == ["planned", "actual"]
