"""What must hold at the demo's end: who was imported, what push services saw, what statistics say. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from campaigns.demo.guests import Fate, Guest
from worker.demo.evidence import Push
from worker.demo.report import Check

STATUSES = {201: "sent", 404: "expired", 410: "expired", 413: "rejected"}
"""What the worker makes of a push service's answer."""

SUBSCRIBER_STATUSES = {Fate.GONE: "expired", Fate.NOT_FOUND: "expired"}
"""What becomes of a subscriber; of all others nothing: `active`."""

LANGUAGE, GREETING = "de", "Guten Tag"
"""Whom the second campaign is for, and what it says to them."""

SENT = 3
"""What SendPulse's API calls a campaign whose outcomes are all counted."""


class Task(NamedTuple):
    """What the demo knows of the campaign that was sent by SendPulse's API, after the other one.

    Attributes:
        told: Its statistics, as that API tells them.
        pushes: What the push services saw of it.
    """

    told: Mapping[str, Any]
    pushes: Sequence[Push]


class Evidence(NamedTuple):
    """What the demo knows at its end.

    Attributes:
        guests: Those who were imported, by endpoint.
        pushes: What the push services saw.
        statistics: The campaign's, as the own API tells them.
        status: The campaign's.
        reported: What browsers reported, by the names of statistics.
        subscribers: How many the site has of each status.
        task: The second campaign.
        exits: Exit status of each process.
    """

    guests: Mapping[str, Guest]
    pushes: Sequence[Push]
    statistics: Mapping[str, Any]
    status: str
    reported: Counter[str]
    subscribers: Mapping[str, int]
    task: Task
    exits: Mapping[str, int]


def checks(evidence: Evidence) -> list[Check]:
    """Compare everything with everything."""
    return [
        Check("every subscriber was targeted and written once", [*_written(evidence)]),
        Check("every browser's push service was asked exactly once, and no other", [*_asked(evidence)]),
        Check("every push taken decrypts to its recipient's text", [*_texts(evidence)]),
        Check("statistics say what the push services answered", [*_answers(evidence)]),
        Check("statistics say what the browsers reported", [*_reports(evidence)]),
        Check("subscribers whose subscription is gone, and no others, have expired", [*_expired(evidence)]),
        Check("a campaign by SendPulse's API reached whom it was for, and so it says", [*_task(evidence)]),
        Check("every process exited cleanly", [*_exits(evidence)]),
    ]


def token_of(text: bytes) -> str:
    """Return the token that a push hands to the browser.

    Raises:
        LookupError: It has none.
        msgspec.DecodeError: It is not JSON.
    """
    token: str = msgspec.json.decode(text)["notification"]["data"]["pushmill"]["t"]
    return token


def _written(evidence: Evidence) -> Iterator[str]:
    total = len(evidence.guests)
    yield from _differences(evidence.statistics, {"targeted": total, "written": total, "unknown": 0})
    if evidence.status != "done":
        yield f"the campaign is {evidence.status}, not done"


def _asked(evidence: Evidence) -> Iterator[str]:
    asked = Counter(push.endpoint for push in evidence.pushes)
    for endpoint, guest in evidence.guests.items():
        if asked[endpoint] != 1:
            yield f"{guest.name}: {asked[endpoint]} requests at {guest.push_service}"
    yield from ("a push to nobody's endpoint" for endpoint in asked if endpoint not in evidence.guests)


def _texts(evidence: Evidence) -> Iterator[str]:
    tokens: defaultdict[str, int] = defaultdict(int)
    for push in evidence.pushes:
        guest = evidence.guests.get(push.endpoint)
        if push.taken and guest is not None:
            yield from _wrong_title(guest, push, title_for(guest))
            if push.text is not None:
                tokens[token_of(push.text)] += 1
    yield from (f"{count} pushes with one token" for count in tokens.values() if count > 1)


def _wrong_title(guest: Guest, push: Push, title: str) -> Iterator[str]:
    if push.text is None:
        yield f"{guest.name}: {guest.push_service} could not decrypt it"
        return
    got = msgspec.json.decode(push.text)["notification"]["title"]
    if got != title:
        yield f"{guest.name}: got {got!r}"


def title_for(guest: Guest) -> str:
    """Return the title that a guest is shown."""
    return f"Hello {guest.name}"


def task_title_for(guest: Guest) -> str:
    """Return the title of the second campaign that a guest is shown."""
    return f"{GREETING} {guest.name}"


def _answers(evidence: Evidence) -> Iterator[str]:
    answered = Counter(STATUSES.get(push.status, str(push.status)) for push in evidence.pushes)
    by_status: Mapping[str, int] = evidence.statistics["by_status"]
    yield from _differences(by_status, answered)
    taken = sum(push.taken for push in evidence.pushes)
    asked = len(evidence.pushes)
    expected = {"attempted": asked, "accepted": taken, "refused": asked - taken, "not_sent": 0}
    yield from _differences(evidence.statistics, expected)


def _reports(evidence: Evidence) -> Iterator[str]:
    for name in ("shown", "clicks", "button_0", "button_1", "dismissed"):
        both = {"first": evidence.reported[name], "total": evidence.reported[name]}
        if evidence.statistics[name] != both:
            yield f"{name}: {evidence.statistics[name]}, not {both}"


def _expired(evidence: Evidence) -> Iterator[str]:
    expected = Counter(SUBSCRIBER_STATUSES.get(guest.fate, "active") for guest in evidence.guests.values())
    yield from _differences(evidence.subscribers, expected)


def _task(evidence: Evidence) -> Iterator[str]:
    told, pushes = evidence.task
    taken = sum(push.taken for push in pushes)
    if told["status"] != SENT:
        yield f"its status is {told['status']}, not {SENT}"
    # `send` is a number in a text, as SendPulse's clients read it. Nobody clicks on this one.
    expected = {"send": len(pushes), "delivered": taken, "redirect": 0}
    yield from _differences({**told, "send": int(told["send"])}, expected)
    yield from _those_asked(evidence)
    for push in pushes:
        guest = evidence.guests.get(push.endpoint)
        if push.taken and guest is not None:
            yield from _wrong_title(guest, push, task_title_for(guest))


def _those_asked(evidence: Evidence) -> Iterator[str]:
    asked = Counter(push.endpoint for push in evidence.task.pushes)
    for endpoint, guest in evidence.guests.items():
        times, due = asked.pop(endpoint, 0), int(_is_meant(guest))
        if times != due:
            yield f"{guest.name}, {guest.language}: {times} requests at {guest.push_service}, not {due}"
    yield from ("a push to nobody's endpoint" for _ in asked)


def _is_meant(guest: Guest) -> bool:
    """Whether the second campaign is for a guest: by its language, and if the first one was not its last."""
    return guest.language == LANGUAGE and guest.fate not in SUBSCRIBER_STATUSES


def _exits(evidence: Evidence) -> Iterator[str]:
    return (f"{name}: status {status}" for name, status in evidence.exits.items() if status)


def _differences(found: Mapping[str, Any], expected: Mapping[str, int]) -> Iterator[str]:
    for name, number in expected.items():
        if found.get(name, 0) != number:
            yield f"{name}: {found.get(name, 0):,}, not {number:,}"
