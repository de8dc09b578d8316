"""The demo's upstream: what is sent, and what must come of it for each recipient.

`draft` decides who gets what and what is to go wrong; `orders` says which subscriptions that takes; `address`
puts subscriptions and recipients together into records and expectations. All that is pure and follows from
the seed; only `write` knows Kafka.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from worker.config import KafkaSettings
from worker.demo.contents import ALERT, OFFER, ORDER, RAW, SWOLLEN, Content, Variables, expected_text
from worker.edges.kafka.client import connection
from worker.simulator.journal import digest

RECIPIENTS_A_RECORD = 100
SERVICES = ("fcm", "mozilla", "wns", "apple")
NORMAL, URGENT = "jobs", "jobs.urgent"


class Fate(Enum):
    """What is arranged to happen to a recipient."""

    SENT = "taken by its push service"
    GONE = "410"
    NOT_FOUND = "404"
    REFUSED_AS_TOO_LARGE = "413"
    WRONG_KEY = "subscribed with another VAPID key"
    BAD_KEYS = "no point on the curve"
    FOREIGN_ENDPOINT = "host that is no push service"
    TOO_LONG = "text that no push can hold"
    NOT_SHOWABLE = "empty title"


class Row(NamedTuple):
    """What a fate means.

    Attributes:
        share: Of all recipients; `SENT` takes the rest.
        status: In `push.outcomes`.
        asked: Whether the push service must have been asked: exactly once then, else never.
    """

    share: float
    status: str
    asked: bool


FATES = {
    Fate.GONE: Row(0.02, "expired", asked=True),
    Fate.NOT_FOUND: Row(0.01, "expired", asked=True),
    Fate.REFUSED_AS_TOO_LARGE: Row(0.005, "rejected", asked=True),
    Fate.WRONG_KEY: Row(0.005, "unauthorized", asked=True),
    Fate.BAD_KEYS: Row(0.005, "invalid", asked=False),
    Fate.FOREIGN_ENDPOINT: Row(0.005, "invalid", asked=False),
    Fate.TOO_LONG: Row(0.002, "rejected", asked=False),
    Fate.NOT_SHOWABLE: Row(0.002, "rejected", asked=False),
    Fate.SENT: Row(0.0, "sent", asked=True),
}
ANSWERS = {Fate.NOT_FOUND: 404, Fate.REFUSED_AS_TOO_LARGE: 413}
"""Statuses that a push service is told to answer with once: a second push would be taken, and noticed."""


@dataclass(frozen=True, slots=True)
class Site:
    """A customer's site.

    Attributes:
        id: In its jobs.
        key: Name of the VAPID key that its subscriptions were made with.
        named: Whether its jobs name the key; without, a file named like the site or the default is used.
    """

    id: str
    key: str
    named: bool = False


SITES = (Site("books", "books"), Site("weather", "weather-2026", named=True), Site("games", "default"))
STRANGER = "stranger"
"""Name of a VAPID key that no site has."""

_CYCLE = (ORDER, OFFER, ORDER, ALERT, OFFER, ORDER, RAW, OFFER)
_URGENT_CONTENT = ALERT


class Order(NamedTuple):
    """A kind of subscription: at which push service, made with which VAPID key, and whether it is gone."""

    service: str
    key: str
    gone: bool


@dataclass(frozen=True, slots=True)
class Drafted:
    """A recipient before it has a subscription."""

    id: str
    fate: Fate
    order: Order
    variables: Variables


@dataclass(frozen=True, slots=True)
class Draft:
    """A record before its recipients have subscriptions; `job` is the send job without recipients."""

    topic: str
    job: Mapping[str, Any]
    recipients: Sequence[Drafted]


@dataclass(frozen=True, slots=True)
class Record:
    """A record that is ready to be written; `topic` is without the prefix."""

    topic: str
    key: str
    value: bytes


class Who(NamedTuple):
    """One recipient of one job: what outcomes are counted by."""

    job_id: str
    recipient_id: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of one recipient.

    Attributes:
        status: In `push.outcomes`.
        asked: Whether the push service must have been asked, once.
        site_id: Of its job.
        service: Profile of the simulated push service.
        endpoint: In its subscription.
        digest: Of the text that must have been decrypted; None where nothing may be taken.
    """

    status: str
    asked: bool
    site_id: str
    service: str
    endpoint: str
    digest: int | None


@dataclass(frozen=True, slots=True)
class Production:
    """All that is written, and all that must come of it.

    Attributes:
        records: Jobs first, then what is no job.
        expected: By recipient.
        broken: Records that must end among the dead letters, with their error code.
        scripts: Endpoints that answer with this status once, by push service.
    """

    records: list[Record]
    expected: dict[Who, Expected]
    broken: dict[Record, str]
    scripts: list[tuple[str, str, int]]


BROKEN = {
    Record(NORMAL, "broken-1", b'{"v": 1, "job_id": "cut off'): "bad_json",
    Record(URGENT, "broken-2", b'{"v": 2, "job_id": "of-tomorrow"}'): "unsupported_version",
    Record(NORMAL, "broken-3", b'{"v": 1, "job_id": "nobody"}'): "bad_field",
}
"""What is written besides, and is no job; with the error code that it must get."""


# ── who gets what ───────────────────────────────────────────────────────────────────────────────────────────


def draft(notifications: int, seed: int) -> list[Draft]:
    """Spread recipients over records, sites and contents, and deal out their fates."""
    random = Random(seed)  # noqa: S311 - is to be the same in every run
    contents = [_content(number // RECIPIENTS_A_RECORD) for number in range(notifications)]
    fates = _deal(contents, random)
    return [
        _draft(start // RECIPIENTS_A_RECORD, range(start, end), fates, random)
        for start in range(0, notifications, RECIPIENTS_A_RECORD)
        for end in [min(start + RECIPIENTS_A_RECORD, notifications)]
    ]


def _is_urgent(record: int) -> bool:
    return record % 10 == 9


def _content(record: int) -> Content:
    return _URGENT_CONTENT if _is_urgent(record) else _CYCLE[record % len(_CYCLE)]


def _deal(contents: Sequence[Content], random: Random) -> list[Fate]:
    """Give out exact shares, each fate among the recipients whose content it can happen to."""
    fates = [Fate.SENT] * len(contents)
    places = list(range(len(contents)))
    random.shuffle(places)
    for fate, row in FATES.items():
        fitting = (place for place in places if fates[place] is Fate.SENT and _fits(fate, contents[place]))
        for _, place in zip(range(round(row.share * len(contents))), fitting, strict=False):
            fates[place] = fate
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
    recipients = [_drafted(number, fates[number], site, content, random) for number in numbers]
    return Draft(URGENT if urgent else NORMAL, job, recipients)


def _drafted(number: int, fate: Fate, site: Site, content: Content, random: Random) -> Drafted:
    variables = content.draw(random)
    if fate is Fate.TOO_LONG:
        variables[content.swellable] = SWOLLEN
    elif fate is Fate.NOT_SHOWABLE:
        variables |= content.spoiled
    return Drafted(f"sub-{number:07}", fate, _order(number, fate, site), variables)


def _order(number: int, fate: Fate, site: Site) -> Order:
    service = SERVICES[number % len(SERVICES)]
    if fate is Fate.WRONG_KEY:
        # Apple says so with a 400, which the worker knows from Apple's own hosts alone.
        return Order("fcm" if service == "apple" else service, STRANGER, gone=False)
    return Order(service, site.key, gone=fate is Fate.GONE)


# ── who is where ────────────────────────────────────────────────────────────────────────────────────────────


def orders(drafts: Iterable[Draft]) -> Counter[Order]:
    """How many subscriptions of each kind the drafts need."""
    return Counter(recipient.order for each in drafts for recipient in each.recipients)


def address(
    drafts: Iterable[Draft], subscriptions: Mapping[Order, Sequence[Mapping[str, Any]]]
) -> Production:
    """Give each recipient its subscription, and say what must come of it.

    Args:
        drafts: As `draft` made them.
        subscriptions: As many of each kind as `orders` says, in the shape of `PushSubscription.toJSON()`.
    """
    pool = {order: iter(found) for order, found in subscriptions.items()}
    production = Production([], {}, dict(BROKEN), [])
    for each in drafts:
        recipients = [_addressed(each, recipient, pool, production) for recipient in each.recipients]
        value = json.dumps({**each.job, "recipients": recipients}, ensure_ascii=False).encode()
        production.records.append(Record(each.topic, each.job["job_id"], value))
    production.records.extend(BROKEN)
    return production


def _addressed(
    each: Draft,
    recipient: Drafted,
    pool: Mapping[Order, Iterator[Mapping[str, Any]]],
    production: Production,
) -> dict[str, Any]:
    """One recipient as it stands in its record; what must come of it is noted in the production."""
    given = next(pool[recipient.order])
    subscription = _twisted(recipient, given)
    who = Who(each.job["job_id"], recipient.id)
    production.expected[who] = _expected(each.job, recipient, subscription["endpoint"])
    if recipient.fate in ANSWERS:
        script = (recipient.order.service, given["endpoint"], ANSWERS[recipient.fate])
        production.scripts.append(script)
    variables = {"variables": recipient.variables} if recipient.variables else {}
    return {"id": recipient.id, "subscription": subscription, **variables}


def _twisted(recipient: Drafted, given: Mapping[str, Any]) -> Mapping[str, Any]:
    if recipient.fate is Fate.BAD_KEYS:
        return {**given, "keys": {**given["keys"], "p256dh": "BA" + "A" * 85}}
    if recipient.fate is Fate.FOREIGN_ENDPOINT:
        return {**given, "endpoint": f"https://push.example.net/{recipient.id}"}
    return given


def _expected(job: Mapping[str, Any], recipient: Drafted, endpoint: str) -> Expected:
    row = FATES[recipient.fate]
    sent = recipient.fate is Fate.SENT
    return Expected(
        status=row.status,
        asked=row.asked,
        site_id=job["site_id"],
        service=recipient.order.service,
        endpoint=endpoint,
        digest=digest(expected_text(job, recipient.id, recipient.variables)) if sent else None,
    )


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────


async def write(settings: KafkaSettings, records: Iterable[Record]) -> dict[str, float]:
    """Write all records, as an upstream service should: once each, and acknowledged.

    Returns:
        The timestamp of each record by its key, in seconds since the epoch.
    """
    producer = AIOKafkaProducer(
        **connection(settings),
        client_id="pushmill-demo-upstream",
        acks="all",
        enable_idempotence=settings.kafka_enable_idempotence,
        compression_type="lz4",
    )
    try:
        await producer.start()
        written = [(record.key, await _send(producer, settings, record)) for record in records]
        return {key: (await acknowledged).timestamp / 1000 for key, acknowledged in written}
    finally:
        await asyncio.wait_for(producer.stop(), 5)


async def _send(producer: AIOKafkaProducer, settings: KafkaSettings, record: Record) -> Any:
    topic = settings.topic_prefix + record.topic
    return await producer.send(topic, record.value, key=record.key.encode())
