"""The demo's checks: each holds for what is right, and finds what is not."""

from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from campaigns.demo.checks import Evidence, Task, checks, task_title_for, title_for
from campaigns.demo.guests import Fate, Guest, Reaction
from worker.demo.evidence import Push

ADA = Guest("Ada", "fcm", Fate.TAKEN, (), "en", sees=True, reaction=Reaction.CLICKS)
BOB = Guest("Bob", "apple", Fate.GONE, (), "de", sees=False, reaction=Reaction.LOOKS)
EVA = Guest("Eva", "wns", Fate.TAKEN, (), "de", sees=False, reaction=Reaction.LOOKS)
WRITTEN, ASKED, TEXTS, ANSWERS, REPORTS, EXPIRED, TASK, EXITS = range(8)


def text(title: str, token: str = "t-1") -> bytes:
    return msgspec.json.encode({"notification": {"title": title, "data": {"pushmill": {"t": token}}}})


ONCE, NEVER = {"first": 1, "total": 1}, {"first": 0, "total": 0}
TAKEN = Push("https://a", taken=True, digest=1, at=0.0, status=201, text=text(title_for(ADA)))
REFUSED = Push("https://b", taken=False, digest=0, at=0.0, status=410)
OTHER = Push("https://c", taken=True, digest=1, at=0.0, status=201, text=text(title_for(EVA), "t-2"))
SECOND = Push("https://c", taken=True, digest=1, at=9.0, status=201, text=text(task_title_for(EVA), "t-3"))
TOLD = {"status": 3, "send": "1", "delivered": 1, "redirect": 0}
STATISTICS = {
    "targeted": 3,
    "written": 3,
    "unknown": 0,
    "attempted": 3,
    "accepted": 2,
    "refused": 1,
    "not_sent": 0,
    "shown": ONCE,
    "clicks": ONCE,
    "button_0": NEVER,
    "button_1": NEVER,
    "dismissed": NEVER,
    "by_status": {"sent": 2, "expired": 1},
}
RIGHT = Evidence(
    guests={"https://a": ADA, "https://b": BOB, "https://c": EVA},
    pushes=[TAKEN, REFUSED, OTHER],
    statistics=STATISTICS,
    status="done",
    reported=Counter(shown=1, clicks=1),
    subscribers={"active": 2, "expired": 1},
    task=Task(TOLD, [SECOND]),
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
        ({"statistics": STATISTICS | {"written": 2}}, WRITTEN),
        ({"pushes": [TAKEN, REFUSED, REFUSED, OTHER]}, ASKED),
        ({"statistics": STATISTICS | {"by_status": {"sent": 3}}}, ANSWERS),
        ({"statistics": STATISTICS | {"accepted": 3}}, ANSWERS),
        ({"statistics": STATISTICS | {"clicks": NEVER}}, REPORTS),
        ({"statistics": STATISTICS | {"dismissed": ONCE}}, REPORTS),
        ({"subscribers": {"active": 3}}, EXPIRED),
        ({"exits": {"worker 1": 1}}, EXITS),
    ],
)
def test_what_is_wrong_is_found(wrong, fails):
    assert fails in failed(RIGHT._replace(**wrong))


@pytest.mark.parametrize("what", [None, text("Hello Bob")])
def test_a_push_that_says_something_else_is_found(what):
    push = Push("https://a", taken=True, digest=1, at=0.0, status=201, text=what)
    assert failed(RIGHT._replace(pushes=[push, REFUSED, OTHER])) == [TEXTS]


def test_a_token_that_two_pushes_share_is_found():
    both = {**RIGHT.guests, "https://b": BOB._replace(fate=Fate.TAKEN)}
    other = Push("https://b", taken=True, digest=1, at=0.0, status=201, text=text(title_for(BOB)))
    assert TEXTS in failed(RIGHT._replace(guests=both, pushes=[TAKEN, other, OTHER]))


def test_a_push_to_nobody_is_found():
    stranger = Push("https://d", taken=False, digest=0, at=0.0, status=410)
    assert ASKED in failed(RIGHT._replace(pushes=[TAKEN, REFUSED, OTHER, stranger]))


@pytest.mark.parametrize(
    "wrong",
    [
        Task(TOLD | {"status": 2}, [SECOND]),
        Task(TOLD | {"send": "2"}, [SECOND]),
        Task(TOLD | {"delivered": 0}, [SECOND]),
        Task(TOLD | {"redirect": 1}, [SECOND]),
        Task({**TOLD, "send": "0", "delivered": 0}, []),
        Task({**TOLD, "send": "2", "delivered": 2}, [SECOND, SECOND]),
        Task({**TOLD, "send": "2"}, [SECOND, REFUSED]),
        Task(TOLD, [replace(SECOND, endpoint="https://a")]),
        Task(TOLD, [replace(SECOND, endpoint="https://d")]),
        Task(TOLD, [replace(SECOND, text=None)]),
        Task(TOLD, [replace(SECOND, text=OTHER.text)]),
    ],
)
def test_what_is_wrong_with_the_second_campaign_is_found(wrong):
    assert failed(RIGHT._replace(task=wrong)) == [TASK]
