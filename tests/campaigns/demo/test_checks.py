"""The demo's checks: each holds for what is right, and finds what is not."""

from collections import Counter

import msgspec
import pytest

from campaigns.demo.checks import Evidence, checks, title_for
from campaigns.demo.guests import Fate, Guest, Reaction
from worker.demo.evidence import Push

ADA = Guest("Ada", "fcm", Fate.TAKEN, (), "en", sees=True, reaction=Reaction.CLICKS)
BOB = Guest("Bob", "apple", Fate.GONE, (), "de", sees=False, reaction=Reaction.LOOKS)
WRITTEN, ASKED, TEXTS, ANSWERS, REPORTS, EXPIRED, EXITS = range(7)


def text(title: str, token: str = "t-1") -> bytes:
    return msgspec.json.encode({"notification": {"title": title, "data": {"pushmill": {"t": token}}}})


ONCE, NEVER = {"first": 1, "total": 1}, {"first": 0, "total": 0}
TAKEN = Push("https://a", taken=True, digest=1, at=0.0, status=201, text=text(title_for(ADA)))
REFUSED = Push("https://b", taken=False, digest=0, at=0.0, status=410)
STATISTICS = {
    "targeted": 2,
    "written": 2,
    "unknown": 0,
    "attempted": 2,
    "accepted": 1,
    "refused": 1,
    "not_sent": 0,
    "shown": ONCE,
    "clicks": ONCE,
    "button_0": NEVER,
    "button_1": NEVER,
    "dismissed": NEVER,
    "by_status": {"sent": 1, "expired": 1},
}
RIGHT = Evidence(
    guests={"https://a": ADA, "https://b": BOB},
    pushes=[TAKEN, REFUSED],
    statistics=STATISTICS,
    status="done",
    reported=Counter(shown=1, clicks=1),
    subscribers={"active": 1, "expired": 1},
    exits={"worker 1": 0},
)


def failed(evidence: Evidence) -> list[int]:
    """The numbers of the checks that do not hold."""
    return [number for number, check in enumerate(checks(evidence)) if not check.passed]


def test_what_is_right_passes():
    assert failed(RIGHT) == []


@pytest.mark.parametrize(
    ("wrong", "fails"),
    [
        ({"status": "sending"}, WRITTEN),
        ({"statistics": STATISTICS | {"written": 1}}, WRITTEN),
        ({"pushes": [TAKEN, REFUSED, REFUSED]}, ASKED),
        ({"statistics": STATISTICS | {"by_status": {"sent": 2}}}, ANSWERS),
        ({"statistics": STATISTICS | {"accepted": 2}}, ANSWERS),
        ({"statistics": STATISTICS | {"clicks": NEVER}}, REPORTS),
        ({"statistics": STATISTICS | {"dismissed": ONCE}}, REPORTS),
        ({"subscribers": {"active": 2}}, EXPIRED),
        ({"exits": {"worker 1": 1}}, EXITS),
    ],
)
def test_what_is_wrong_is_found(wrong, fails):
    assert fails in failed(RIGHT._replace(**wrong))


@pytest.mark.parametrize("what", [None, text("Hello Bob")])
def test_a_push_that_says_something_else_is_found(what):
    push = Push("https://a", taken=True, digest=1, at=0.0, status=201, text=what)
    assert failed(RIGHT._replace(pushes=[push, REFUSED])) == [TEXTS]


def test_a_token_that_two_pushes_share_is_found():
    both = {"https://a": ADA, "https://b": BOB._replace(fate=Fate.TAKEN)}
    other = Push("https://b", taken=True, digest=1, at=0.0, status=201, text=text(title_for(BOB)))
    assert TEXTS in failed(RIGHT._replace(guests=both, pushes=[TAKEN, other]))


def test_a_push_to_nobody_is_found():
    stranger = Push("https://c", taken=False, digest=0, at=0.0, status=410)
    assert ASKED in failed(RIGHT._replace(pushes=[TAKEN, REFUSED, stranger]))
