"""During a rollout, workers of 0.1.0 read tier records that newer ones write; the types here are theirs."""

import base64
import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from tests.worker.support import JOBS, NOW, RECEIVER, job, recipient, record
from worker.ledger.ledger import Entry
from worker.pipeline.intake import take_in
from worker.pipeline.publication import Postponed, publications
from worker.push.message import compile_message
from worker.records.job import Urgency, decode_later
from worker.records.outcome import Outcome, Status
from worker.records.topics import TIERS
from worker.records.values import Count, Id, Moment, Scalar, Seconds, moment

Ttl = Annotated[int, Meta(ge=0, lt=2**31)]
TopicHeader = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,32}\Z")]
Base64url = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]+\Z")]


class Keys(Struct):
    p256dh: Base64url
    auth: Base64url


class Subscription(Struct):
    endpoint: str
    keys: Keys


class Recipient(Struct, kw_only=True):
    id: Id
    subscription: Subscription
    variables: dict[str, Scalar] | None = None
    not_before: Moment | None = None
    attempts: Count
    number: Count | None = None
    due_at: Moment | None = None


class Slice(Struct):
    first: Count
    total: Annotated[int, Meta(ge=1, lt=2**53)]


class Action(Struct):
    action: str
    title: str
    url: str
    icon: str | None = None


class Notification(Struct):
    title: str
    url: str
    body: str | None = None
    icon: str | None = None
    image: str | None = None
    badge: str | None = None
    actions: list[Action] | None = None
    tag: str | None = None
    lang: str | None = None
    dir: Literal["auto", "ltr", "rtl"] | None = None
    silent: bool | None = None
    renotify: bool | None = None
    require_interaction: bool | None = None
    timestamp: Moment | None = None
    data: dict[str, Any] | None = None


class LaterJob(Struct, kw_only=True):
    v: Literal[1]
    job_id: Id
    campaign_id: Id
    site_id: Id
    recipients: Annotated[list[Recipient], Meta(min_length=1, max_length=1000)]
    vapid_key: Id | None = None
    notification: Notification | None = None
    payload: str | None = None
    mutable: bool | None = None
    ttl: Ttl
    urgency: Urgency = Urgency.NORMAL
    topic: TopicHeader | None = None
    start_at: Moment
    stretch_time: Seconds
    not_after: Moment | None = None
    slice: Slice | None = None
    lane: Literal["normal", "urgent"]


NOTIFICATION = {
    "title": "Hi {{name|there}}",
    "url": "https://shop.example/",
    "body": "b",
    "icon": "/i.png",
    "actions": [{"action": "a", "title": "A", "url": "https://a/", "icon": ""}],
    "timestamp": "2026-11-21T09:00:00Z",
    "data": {"a": None, "pushmill": {"mine": 1}},
    "vibrate": [200, 100],
    "app_badge": 3,
}
KEYS = {
    "p256dh": base64.encodebytes(RECEIVER.public).decode(),
    "auth": base64.encodebytes(b"\xfb\xff" * 8).decode(),
}


def written_to_a_tier(raw, headers=()):
    """Take a job in, postpone each recipient, and return the record of the tier."""
    taken = take_in(record(raw, headers=headers), 30.0)
    effects = [
        (index, Postponed(each, None, 1, TIERS[0], (NOW, NOW + 5)))
        for index, each in enumerate(taken.recipients)
    ]
    entry = Entry(JOBS, 0, len(effects), 0, taken.job)
    [publication] = publications([(entry, effects)], "pod-0/0")
    return taken, publication


FOREIGN = {
    "nulls": json.dumps(
        job(
            recipient("a", variables={"name": None, "sku": "x"}, not_before=None),
            recipient("b", variables=[]),
            recipient("c", variables={"name": None}),
            notification=dict.fromkeys(Notification.__struct_fields__) | NOTIFICATION | {"tag": None},
            **dict.fromkeys(("ttl", "urgency", "slice", "vapid_key", "mutable", "topic", "start_at")),
        )
    ).encode(),
    "halves": json.dumps(job(recipient("a", variables={"name": "??", "?? ": 1}), notification=NOTIFICATION))
    .encode()
    .replace(b"??", rb"Zo\ud83d"),
    "bytes that are not UTF-8": json.dumps(job(notification=NOTIFICATION | {"body": "??"}))
    .encode()
    .replace(b"??", b"Zo\xeb\xed\xa0\xbd"),
    "ordinary base64": json.dumps(
        job(recipient("a", subscription={"endpoint": "https://fcm.googleapis.com/x", "keys": KEYS}))
    ).encode(),
    "whole numbers": json.dumps(job(v=1.0, ttl=60.0, slice={"first": 0.0, "total": 5.0})).encode(),
}


@pytest.mark.parametrize("raw", FOREIGN.values(), ids=FOREIGN)
def test_what_is_tolerated_goes_to_a_tier_in_the_form_that_0_1_0_reads(raw):
    taken, publication = written_to_a_tier(raw, headers=(("spanId", None), ("traceparent", b"00-1")))
    older = msgspec.json.decode(publication.value, type=LaterJob, strict=True)
    assert all(None not in (each.variables or {}).values() for each in older.recipients)
    assert sum(len(name) + len(value) for name, value in publication.headers) > 0  # as 0.1.0 counts them
    assert publication.headers == (("spanId", b""), ("traceparent", b"00-1"))
    again = decode_later(publication.value)
    message = compile_message(again.job)
    for before, after in zip(taken.recipients, again.recipients, strict=True):
        assert message.render(after) == taken.job.message.render(before)


def test_outcomes_carry_a_header_on_as_it_came():

    taken = take_in(record(job(), headers=(("spanId", None),)), 30.0)
    entry = Entry(JOBS, 0, 1, 0, taken.job)
    outcome = Outcome("sub_1", Status.SENT, moment(NOW), 1, 201, "fcm", None)
    [publication] = publications([(entry, [(0, outcome)])], "pod-0/0")
    assert publication.headers == (("spanId", None),)
