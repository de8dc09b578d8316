"""Decides what each recipient is sent and what is to happen to it. Pure: the same seed gives the same.

Knows nothing of subscriptions: only which kinds of them are needed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any, NamedTuple

from worker.demo.contents import ALERT, OFFER, ORDER, RAW, SWOLLEN, Content, Variables
from worker.demo.contract import JOBS, URGENT_JOBS, Status

RECIPIENTS_A_RECORD = 100
SERVICES = ("fcm", "mozilla", "wns", "apple")


class Fate(Enum):
    """What is arranged to happen to a recipient."""

    SENT = "accepted by its push service"
    GONE = "410"
    NOT_FOUND = "404"
    REFUSED_AS_TOO_LARGE = "413"
    WRONG_KEY = "subscribed with another VAPID key"
    BAD_KEYS = "not a point on the curve"
    FOREIGN_ENDPOINT = "host of no push service"
    TOO_LONG = "text too long for any push"
    NOT_SHOWABLE = "empty title"


class Row(NamedTuple):
    """What follows from a fate.

    Attributes:
        share: Share of all recipients; `SENT` takes the rest.
        status: Status in `push.outcomes`.
        asked: Whether the push service must receive a request: exactly one, or else none.
    """

    share: float
    status: Status
    asked: bool


FATES = {
    Fate.GONE: Row(0.02, Status.EXPIRED, asked=True),
    Fate.NOT_FOUND: Row(0.01, Status.EXPIRED, asked=True),
    Fate.REFUSED_AS_TOO_LARGE: Row(0.005, Status.REJECTED, asked=True),
    Fate.WRONG_KEY: Row(0.005, Status.UNAUTHORIZED, asked=True),
    Fate.BAD_KEYS: Row(0.005, Status.INVALID, asked=False),
    Fate.FOREIGN_ENDPOINT: Row(0.005, Status.INVALID, asked=False),
    Fate.TOO_LONG: Row(0.002, Status.REJECTED, asked=False),
    Fate.NOT_SHOWABLE: Row(0.002, Status.REJECTED, asked=False),
    Fate.SENT: Row(0.0, Status.SENT, asked=True),
}


@dataclass(frozen=True, slots=True)
class Site:
    """A customer's site.

    Attributes:
        id: Id in its jobs.
        key: Name of the VAPID key that its subscriptions are made with.
        named: Whether its jobs name the key; otherwise the worker uses the site's key file, or the default.
    """

    id: str
    key: str
    named: bool = False


SITES = (Site("books", "books"), Site("weather", "weather-2026", named=True), Site("games", "default"))
STRANGER = "stranger"
"""Name of a VAPID key that belongs to no site."""

_CYCLE = (ORDER, OFFER, ORDER, ALERT, OFFER, ORDER, RAW, OFFER)
_URGENT_CONTENT = ALERT


class SubscriptionKind(NamedTuple):
    """At which push service a subscription is made, with which VAPID key, and whether it is already gone."""

    service: str
    key: str
    gone: bool


@dataclass(frozen=True, slots=True)
class DraftRecipient:
    """A recipient without a subscription."""

    id: str
    fate: Fate
    kind: SubscriptionKind
    variables: Variables


@dataclass(frozen=True, slots=True)
class Draft:
    """A record whose recipients have no subscriptions yet; `job` is the send job without recipients."""

    topic: str
    job: Mapping[str, Any]
    recipients: Sequence[DraftRecipient]


def draft(notifications: int, seed: int) -> list[Draft]:
    """Distribute recipients over records, sites and contents, and deal out their fates."""
    random = Random(seed)  # noqa: S311 - must be the same in every run
    contents = [_content(number // RECIPIENTS_A_RECORD) for number in range(notifications)]
    fates = _deal(contents, random)
    return [
        _draft(start // RECIPIENTS_A_RECORD, range(start, end), fates, random)
        for start in range(0, notifications, RECIPIENTS_A_RECORD)
        for end in [min(start + RECIPIENTS_A_RECORD, notifications)]
    ]


def kinds_needed(drafts: Iterable[Draft]) -> Counter[SubscriptionKind]:
    """Count the subscriptions of each kind that the drafts need."""
    return Counter(recipient.kind for each in drafts for recipient in each.recipients)


def _is_urgent(record: int) -> bool:
    return record % 10 == 9


def _content(record: int) -> Content:
    return _URGENT_CONTENT if _is_urgent(record) else _CYCLE[record % len(_CYCLE)]


def _deal(contents: Sequence[Content], random: Random) -> list[Fate]:
    """Deal out exact shares, each fate among the recipients whose content allows it."""
    fates = [Fate.SENT] * len(contents)
    numbers = list(range(len(contents)))
    random.shuffle(numbers)
    for fate, row in FATES.items():
        fitting = (each for each in numbers if fates[each] is Fate.SENT and _fits(fate, contents[each]))
        for _, number in zip(range(round(row.share * len(contents))), fitting, strict=False):
            fates[number] = fate
    return fates


def _fits(fate: Fate, content: Content) -> bool:
    if fate is Fate.TOO_LONG:
        return bool(content.swellable)
    return fate is not Fate.NOT_SHOWABLE or bool(content.spoiled)


def _draft(record: int, numbers: Iterable[int], fates: Sequence[Fate], random: Random) -> Draft:
    site = SITES[record % len(SITES)]
    content = _content(record)
    urgent = _is_urgent(record)
    job = {
        "v": 1,
        "job_id": f"job-{record:06}",
        "campaign_id": f"{site.id}-{'alert' if urgent else 'autumn'}",
        "site_id": site.id,
        **({"vapid_key": site.key} if site.named else {}),
        **content.fields,
    }
    recipients = [_recipient(number, fates[number], site, content, random) for number in numbers]
    return Draft(URGENT_JOBS if urgent else JOBS, job, recipients)


def _recipient(number: int, fate: Fate, site: Site, content: Content, random: Random) -> DraftRecipient:
    variables = content.draw(random)
    if fate is Fate.TOO_LONG:
        variables[content.swellable] = SWOLLEN
    elif fate is Fate.NOT_SHOWABLE:
        variables |= content.spoiled
    return DraftRecipient(f"sub-{number:07}", fate, _kind(number, fate, site), variables)


def _kind(number: int, fate: Fate, site: Site) -> SubscriptionKind:
    service = SERVICES[number % len(SERVICES)]
    if fate is Fate.WRONG_KEY:
        # Apple answers this with a 400, which the worker recognizes only on Apple's own hosts.
        return SubscriptionKind("fcm" if service == "apple" else service, STRANGER, gone=False)
    return SubscriptionKind(service, site.key, gone=fate is Fate.GONE)
