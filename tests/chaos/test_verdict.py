"""The cause of each repeat, and how many are too many."""

from math import inf

from tests.chaos.schedule import Kind
from tests.chaos.verdict import (
    GRACE_SECONDS,
    MEMORY_SECONDS,
    STUCK_SECONDS,
    HandOn,
    Happened,
    Repeat,
    Verdict,
    attributed,
    by_hand_ons,
    by_the_thawed,
)
from worker.ledger.ledger import CHECKPOINT_MAX

IN_FLIGHT = 100
TERM, KILL = Happened(Kind.TERM, 10.0, "a"), Happened(Kind.KILL, 20.0, "b", 5)


def sent(at: float, by: str = "c", again_at: float = 99.0, again_by: str = "d") -> Repeat:
    return Repeat(at, by, again_at, again_by)


def verdict(*kinds: Kind, repeats: list[Repeat]) -> Verdict:
    """Make a verdict with events at 10 s, 20 s, …, of processes 0, 1, …"""
    made = Verdict(recipients=0, in_flight=IN_FLIGHT, repeats=repeats)
    for number, kind in enumerate(kinds):
        made.note(kind, 10.0 * (number + 1), str(number))
    return made


def test_a_repeat_comes_of_the_first_thing_after_its_first_push():
    assert attributed([KILL, TERM], [sent(9.0), sent(19.0), sent(19.5)]) == {TERM: 1, KILL: 2}


def test_what_was_on_its_way_is_counted_a_little_late():
    late = [sent(each.at + GRACE_SECONDS) for each in (TERM, KILL)]
    assert attributed([TERM, KILL], late) == {TERM: 1, KILL: 1}


def test_a_push_that_comes_again_long_after_or_after_nothing_comes_of_nothing():
    strange = [sent(KILL.at - MEMORY_SECONDS - 1), sent(KILL.at + 1)]
    assert attributed([TERM, KILL], strange) == {None: 2}


def test_what_a_process_sent_that_dies_comes_of_its_death_whatever_else_happened():
    assert attributed([TERM, KILL], [sent(9.0, "b"), sent(KILL.at + 2, "b")]) == {KILL: 2}
    assert attributed([KILL], [sent(KILL.at - STUCK_SECONDS - 1, "b")]) == {None: 1}


def test_what_was_sent_again_may_be_lost_again_with_its_sender():
    second = sent(9.9, "a", KILL.at - 1, "b")
    third = sent(9.9, "a", KILL.at + 2, "c")._replace(between=[(KILL.at - 1, "b")])
    assert attributed([TERM, KILL], [second, third]) == {TERM: 1, KILL: 1}
    before_it = third._replace(again_at=KILL.at - 0.5)
    assert attributed([TERM, KILL], [second, before_it]) == {TERM: 2}


def test_a_death_repeats_nothing_before_it():
    assert attributed([TERM, KILL], [sent(9.9, "b", KILL.at - 1)]) == {TERM: 1}


def test_a_kill_may_repeat_what_was_in_flight_and_a_checkpoint_and_no_more():
    of_one = IN_FLIGHT + CHECKPOINT_MAX
    assert not verdict(Kind.KILL, repeats=[sent(9.9, "0")] * of_one).problems()
    assert verdict(Kind.KILL, repeats=[sent(9.9, "0")] * (of_one + 1)).problems()


def test_one_kill_does_not_pay_for_another():
    [problem] = verdict(Kind.KILL, Kind.KILL, repeats=[sent(9.9, "0")] * 2 * CHECKPOINT_MAX).problems()
    assert "by one 'kill -9'" in problem


def test_a_drain_may_repeat_nothing_even_next_to_a_kill():
    assert verdict(Kind.TERM, Kind.KILL, repeats=[sent(9.9, "0")]).problems()


def test_what_can_be_put_down_to_nothing_may_be_no_more_than_deaths_leave():
    of_one = IN_FLIGHT + CHECKPOINT_MAX
    of_it, stray = sent(9.9, "0"), sent(15.0)
    assert verdict(Kind.TERM, repeats=[stray]).problems()
    assert not verdict(Kind.KILL, repeats=[of_it] * (of_one - 1) + [stray]).problems()
    [problem] = verdict(Kind.KILL, repeats=[of_it] * (of_one - 1) + [stray] * 2).problems()
    assert "2 repeats without a cause (allowed: 1)" in problem


def test_where_every_hand_on_is_known_nothing_may_come_of_nothing():
    made = verdict(Kind.KILL, repeats=[sent(15.0)])
    assert not made.problems()
    made.witnessed = True
    assert made.problems() == ["1 repeats without a cause (allowed: 0)"]


CUT = Happened(Kind.CUT, 10.0, allowed=1, cut=frozenset({"r1"}))
AGAIN = Repeat(9.9, "a", 12.0, "d", "r1")


def test_who_is_not_answered_for_a_cut_may_be_sent_to_again_once():
    made = verdict(repeats=[AGAIN])
    made.note(Kind.CUT, 10.0, cut=["r1"])
    assert not made.problems()
    made.repeats.append(AGAIN._replace(again_at=13.0, between=[(12.0, "d")]))
    assert made.problems() == ["1 repeats without a cause (allowed: 0)"]


def test_a_cut_pays_for_nobody_else_and_not_for_what_was_sent_after_it():
    for each in AGAIN._replace(recipient="r2"), AGAIN._replace(first_at=10.1):
        assert attributed([CUT], [each]) == {None: 1}


def test_two_cuts_at_once_are_told_apart():
    next_one = Happened(Kind.CUT, 10.1, allowed=1, cut=frozenset({"r2"}))
    of_the_next = AGAIN._replace(recipient="r2")
    assert attributed([CUT, next_one], [AGAIN, of_the_next]) == {CUT: 1, next_one: 1}


def test_a_cut_is_known_whoever_died_beside_it():
    beside = [TERM, CUT, Happened(Kind.KILL, 10.2, "a", 5)]
    assert attributed(beside, [AGAIN]) == {CUT: 1}


def test_who_thaws_may_send_again_what_it_had_in_flight_and_no_more():
    freeze = Happened(Kind.EXPIRE, 10.0, "a", 5000, thawed_at=60.0)
    of_its_own, of_others = sent(9.9, "a", 61.0, "a"), sent(30.0, "b", 61.0, "a")
    before, of_another = sent(9.9, "b", 9.95, "a"), sent(9.9, "a", 30.0, "b")
    killed = Happened(Kind.KILL, 70.0, "c")
    of_the_dead = sent(69.9, "c", 71.0, "a")  # it is a member again, and has taken over itself
    found = [of_its_own, of_others, before, of_another, of_the_dead]
    assert by_the_thawed([freeze, killed], found) == {freeze: 1}
    made = verdict(repeats=[sent(9.9, "b", 61.0, "a")] * (IN_FLIGHT + 1))
    made.happened.append(freeze)
    assert made.problems() == [f"{IN_FLIGHT + 1} pushes by a after others had taken over"]


def handed_on(at: float, by: str = "b", refused_at: float = inf) -> HandOn:
    return HandOn("r1", at, by, refused_at)


TWICE = Repeat(90.0, "d", 92.0, "d", "r1")
"""Long after all events, both pushes by one process that lives."""


def test_what_a_death_left_in_two_places_comes_of_it_whoever_sends_it_and_whenever():
    later = Happened(Kind.COMMIT_FAILS, TWICE.first_at + 1)
    happened = [TERM, KILL, later]
    assert attributed(happened, [TWICE], [handed_on(KILL.at - 1)]) == {KILL: 1}
    assert attributed(happened, [TWICE], [handed_on(KILL.at + 0.1)]) == {
        KILL: 1
    }  # it was on its way to Kafka
    assert attributed(happened, [TWICE]) == {later: 1}


def test_the_same_without_what_made_it_is_broken():
    made = verdict(Kind.KILL, Kind.COMMIT_FAILS, repeats=[])
    kill, failing = made.happened
    made.note_repeats([sent(failing.at - 1, "d", failing.at + 1, "d")._replace(recipient="r1")], {})
    assert made.problems() == ["1 repeats by one 'commit fails' (allowed: 0)"]
    made.note_hand_ons([handed_on(kill.at - 1, "0")])
    assert not made.problems()
    assert "open in two places    1" in made.table().splitlines()


def test_what_the_living_hand_on_and_do_not_commit_comes_of_no_death():
    of_another = handed_on(KILL.at - 1, "c")
    refused_before = handed_on(KILL.at - 3, "b", refused_at=KILL.at - 2)
    of_somebody_else = handed_on(KILL.at - 1)._replace(recipient="r2")
    for each in (of_another, refused_before, of_somebody_else):
        assert attributed([KILL], [TWICE], [each]) == {None: 1}


def test_a_process_that_thaws_is_told_that_it_cannot_commit():
    freeze = Happened(Kind.EXPIRE, 10.0, "b", 5000, thawed_at=60.0, over_at=60.0)
    told = handed_on(9.9, refused_at=60.1), handed_on(60.1, refused_at=60.2)
    for each in told:
        assert attributed([freeze], [TWICE], [each]) == {freeze: 1}
    assert attributed([freeze], [TWICE], [handed_on(70.0, refused_at=71.0)]) == {None: 1}


def test_one_hand_on_makes_one_repeat_and_only_of_what_is_sent_after_it():
    assert attributed([KILL], [TWICE, TWICE], [handed_on(KILL.at)]) == {KILL: 1, None: 1}
    assert attributed([KILL], [TWICE, TWICE], [handed_on(KILL.at), handed_on(KILL.at)]) == {KILL: 2}
    before = Repeat(KILL.at - 2, "d", 92.0, "d", "r1")
    assert not any(death for _, death in by_hand_ons([KILL], [before], [handed_on(KILL.at - 1)]))


def test_a_hand_on_makes_the_second_push_after_it_whatever_came_before():
    second = sent(9.9, "a", 91.0, "d")._replace(recipient="r1")
    third = second._replace(again_at=92.0, between=[(91.0, "d")])
    assert attributed([CUT, KILL], [second, third], [handed_on(KILL.at - 1)]) == {CUT: 1, KILL: 1}


def test_what_is_handed_on_counts_with_the_rest_that_a_death_repeats():
    made = verdict(Kind.KILL, repeats=[sent(9.9, "0")] * CHECKPOINT_MAX)
    hand_ons = [HandOn(f"r{number}", 9.9, "0") for number in range(IN_FLIGHT + 1)]
    twice = [TWICE._replace(recipient=each.recipient) for each in hand_ons]
    made.note_repeats(twice[1:], {})
    made.note_hand_ons(hand_ons)
    assert not made.problems()
    made.note_repeats(twice[:1], {})
    made.note_hand_ons(hand_ons[:1])
    [problem] = made.problems()
    assert f"{IN_FLIGHT + CHECKPOINT_MAX + 1} repeats by one 'kill -9'" in problem


def test_what_was_left_in_two_places_is_nothing_that_others_had_taken_over():
    freeze = Happened(Kind.EXPIRE, 10.0, "a", 5000, thawed_at=60.0, over_at=60.0)
    both = Repeat(30.0, "b", 61.0, "a", "r1")
    assert by_the_thawed([freeze], [both]) == {freeze: 1}
    assert by_the_thawed([freeze], [both], [handed_on(9.9, "a", refused_at=60.1)]) == {}


def test_what_its_own_sender_sends_as_another_attempt_had_no_answer():
    made = verdict(repeats=[])
    of_one, of_two = Repeat(1.0, "a", 12.0, "a", "r1"), Repeat(1.0, "a", 12.0, "b", "r1")
    forgotten = Repeat(1.0, "a", 12.0, "a", "r2")
    made.note_repeats([of_one, of_two, forgotten], {"r1": 2, "r2": 1})
    assert (made.unanswered, made.repeats) == (1, [of_two, forgotten])


def test_what_was_cut_off_is_known_to_be_that():
    made = verdict(repeats=[])
    made.note(Kind.CUT, 10.0, cut=["r1"])
    again = AGAIN._replace(again_by=AGAIN.first_by)
    made.note_repeats([again, again._replace(first_at=10.1)], {"r1": 3})
    assert (made.unanswered, made.repeats) == (1, [again])


def test_the_table_says_the_most_at_one():
    found = [sent(9.9, "0"), sent(9.9, "0"), sent(19.9, "1"), sent(40.0)]
    rows = verdict(Kind.KILL, Kind.KILL, repeats=found).table().splitlines()
    assert rows[1].split() == ["kill", "-9", "2", "3", "2", str(IN_FLIGHT + CHECKPOINT_MAX)]
    assert rows[2].split() == ["without", "a", "cause", "1"]


def test_a_recipient_without_an_outcome_is_lost_and_so_is_one_that_nothing_reached():
    made = Verdict(recipients=3, in_flight=IN_FLIGHT, reached=1)
    made.statuses["sent"] = 2
    assert made.lost == 2
    assert made.problems() == ["2 recipients are lost"]
