import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.demo.course import NO_PAUSE, Pause, Timetable
from worker.demo.pace import KNOWN_AFTER, Pace, busiest, curve, gaps
from worker.demo.producer import RecipientKey

START = 1_800_000_000.0


def who(number):
    return RecipientKey("job-1", f"sub-{number}")


@pytest.fixture
def plan():
    """Ten recipients, one a second."""
    return Timetable(START, 10.0, {who(number): START + number for number in range(10)})


def test_a_picture_before_the_start(plan):
    picture = Pace(plan).picture(START - 2, NO_PAUSE, 10)
    assert (picture.elapsed, picture.planned, picture.actual, picture.late) == (-2, 0, 0, 0)
    assert picture.curve == " " * 10


def test_a_picture_is_as_old_as_outcomes_may_be(plan):
    pace = Pace(plan)
    for number in range(5):
        pace.take(who(number), START + number + 0.5, NO_PAUSE)
    picture = pace.picture(START + 3.6 + KNOWN_AFTER, NO_PAUSE, 10)
    assert (picture.planned, picture.actual, picture.gap) == (0.4, 0.4, 0.0)
    assert picture.late == 0.5
    behind = pace.picture(START + 7.0 + KNOWN_AFTER, NO_PAUSE, 10)
    assert behind.gap == pytest.approx(-0.3)


def test_who_is_in_no_timetable_does_not_count(plan):
    pace = Pace(plan)
    pace.take(RecipientKey("urgent", "sub-1"), START, NO_PAUSE)
    assert pace.picture(START + 5, NO_PAUSE, 10).actual == 0


def test_a_pause_moves_the_picture_on(plan):
    pace, pause = Pace(plan), Pause(START + 2.5)
    for number in range(3):
        pace.take(who(number), START + number, NO_PAUSE)
    picture = pace.picture(START + 6.5, pause, 10)
    assert (picture.paused, picture.moved, picture.planned, picture.actual) == (True, 4.0, 0.3, 0.3)
    resumed = Pause(START + 2.5, START + 6.5, 4.0)
    pace.take(who(3), START + 7.25, resumed)
    picture = pace.picture(START + 8.5, resumed, 14)
    assert (picture.paused, picture.moved, picture.planned, picture.actual) == (False, 4.0, 0.4, 0.4)
    assert picture.late == 0.25
    assert picture.curve == "▄▄▄    ▄      "


@pytest.mark.parametrize(
    ("count", "drawn"), [(0, " "), (1, "▁"), (10, "▂"), (20, "▄"), (30, "▆"), (40, "█"), (400, "█")]
)
def test_a_curve_has_the_planned_pace_at_half_height(count, drawn):
    moments = [START + 5] * count
    assert curve(moments, START, START + 30, 3, 2.0) == f"{drawn}  "
    assert curve(moments, START - 10, START + 20, 3, 2.0) == f" {drawn} "


def test_gaps_of_two_curves():
    assert list(gaps([1.0, 2.0, 3.0], [1.0, 2.5, 2.75])) == [
        (1.0, -1),
        (1.0, 0),
        (2.0, -1),
        (2.5, 0),
        (2.75, 1),
        (3.0, 0),
    ]


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_gaps_are_differences_of_counts(planned, actual):
    for at, ahead in dict(gaps(planned, actual)).items():
        assert ahead == sum(each <= at for each in actual) - sum(each <= at for each in planned)


def test_the_busiest_second():
    assert busiest([], 0.0) == 0
    assert busiest([1.0, 1.1, 1.2, 5.0, 5.9, 6.0], 0.0) == 3
    assert busiest([1.0, 1.1, 1.2, 5.0, 5.9, 6.0], 4.0) == 2
