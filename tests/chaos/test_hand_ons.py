"""Which hand-ons of a run are never committed."""

import json
from collections.abc import Iterator

import pytest

from tests.chaos.hand_ons import PASSING, HandOns
from tests.harness.kafka.group import Error

TIER = "chaos.later.10s"


def record(*recipients: str) -> Iterator[bytes | None]:
    yield json.dumps(
        {"job_id": "j1", "recipients": [{"id": each, "number": 1} for each in recipients]}
    ).encode()


def left(hand_ons: HandOns) -> set[tuple[str, str]]:
    return {(each.by, each.recipient) for each in hand_ons.uncommitted}


def test_what_is_committed_is_settled_and_what_comes_after_it_is_not():
    hand_ons = HandOns()
    hand_ons.writes("a", TIER, record("r1", "r2"))
    hand_ons.writes("b", TIER, record("r3"))
    hand_ons.commits("a", Error.NONE)
    hand_ons.writes("a", TIER, record("r4"))
    assert left(hand_ons) == {("b", "r3"), ("a", "r4")}


def test_only_what_goes_to_a_tier_is_handed_on():
    hand_ons = HandOns()
    hand_ons.writes("a", "chaos.outcomes", iter([b"whatever"]))
    assert not left(hand_ons)


@pytest.mark.parametrize("error", PASSING)
def test_a_commit_that_fails_in_passing_is_tried_again(error: Error):
    hand_ons = HandOns()
    hand_ons.writes("a", TIER, record("r1"))
    hand_ons.commits("a", error)
    assert left(hand_ons) == {("a", "r1")}
    hand_ons.commits("a", Error.NONE)
    assert not left(hand_ons)


def test_what_is_refused_for_good_no_later_commit_settles():
    hand_ons = HandOns()
    hand_ons.writes("a", TIER, record("r1"))
    hand_ons.commits("a", Error.ILLEGAL_GENERATION)
    hand_ons.commits("a", Error.NONE)
    [kept] = hand_ons.uncommitted
    assert kept.by == "a"
    assert kept.at <= kept.refused_at < float("inf")


def test_who_waits_for_an_answer_that_never_comes_is_stuck():
    hand_ons = HandOns()
    hand_ons.writes("a", TIER, record("r1"))
    hand_ons.commits("a", None)
    assert left(hand_ons) == {("a", "r1")}
    assert hand_ons.stuck == {"a"}
    hand_ons.commits("a", Error.NONE)  # it has been cut off, and asked again
    assert not hand_ons.stuck
