"""Which repeat comes of what, and what is too many."""

from tests.chaos.schedule import Kind
from tests.chaos.verdict import GRACE_SECONDS, MEMORY_SECONDS, Happened, Verdict, attributed
from worker.ledger import CHECKPOINT_MAX

IN_FLIGHT = 100
TERM, KILL = Happened(Kind.TERM, 10.0), Happened(Kind.KILL, 20.0, 5)


def verdict(*kinds: Kind, repeats: list[float]) -> Verdict:
    made = Verdict(recipients=0, in_flight=IN_FLIGHT, repeats=repeats)
    for number, kind in enumerate(kinds, 1):
        made.note(kind, 10.0 * number, cut=3 if kind is Kind.CUT else 0)
    return made


def test_a_repeat_comes_of_the_first_thing_after_its_first_push():
    assert attributed([KILL, TERM], [9.0, 19.0, 19.5]) == {TERM: 1, KILL: 2}


def test_what_was_on_its_way_is_counted_a_little_late():
    assert attributed([TERM, KILL], [TERM.at + GRACE_SECONDS, KILL.at + GRACE_SECONDS]) == {TERM: 1, KILL: 1}


def test_a_push_that_comes_again_long_after_or_after_nothing_comes_of_nothing():
    assert attributed([TERM, KILL], [KILL.at - MEMORY_SECONDS - 1, KILL.at + 1]) == {None: 2}


def test_a_kill_may_repeat_what_was_in_flight_and_a_checkpoint_and_no_more():
    of_one = IN_FLIGHT + CHECKPOINT_MAX
    assert not verdict(Kind.KILL, repeats=[9.9] * of_one).problems()
    assert verdict(Kind.KILL, repeats=[9.9] * (of_one + 1)).problems()


def test_one_kill_does_not_pay_for_another():
    [problem] = verdict(Kind.KILL, Kind.KILL, repeats=[9.9] * 2 * CHECKPOINT_MAX).problems()
    assert "of one 'kill -9'" in problem


def test_a_drain_may_repeat_nothing_even_next_to_a_kill():
    assert verdict(Kind.TERM, Kind.KILL, repeats=[9.9]).problems()
    assert verdict(Kind.KILL, repeats=[15.0]).problems() == ["1 repeats that come of nothing"]


def test_answers_that_are_cut_off_may_be_asked_for_again():
    assert not verdict(Kind.CUT, repeats=[9.9] * 3).problems()
    assert verdict(Kind.CUT, repeats=[9.9] * 4).problems()


def test_the_table_says_the_most_at_one():
    rows = verdict(Kind.KILL, Kind.KILL, repeats=[9.9, 9.9, 19.9, 40.0]).table().splitlines()
    assert rows[1].split() == ["kill", "-9", "2", "3", "2", str(IN_FLIGHT + CHECKPOINT_MAX)]
    assert rows[2].split() == ["nothing", "1", "0"]


def test_a_recipient_without_an_outcome_is_lost_and_so_is_one_that_nothing_reached():
    made = Verdict(recipients=3, in_flight=IN_FLIGHT, reached=1)
    made.statuses["sent"] = 2
    assert made.lost == 2
    assert made.problems() == ["2 recipients are lost"]
