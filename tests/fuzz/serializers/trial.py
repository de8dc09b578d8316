"""One input through the whole pipeline, without a socket, and whether what comes of it is right.

accept, dispatch, decrypt each push with its recipient's own private key, land, checkpoint: the texts that
arrive and the outcomes are compared with what `reading` expects.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from crypto.aes128gcm import decrypt
from crypto.vapid import VapidKey
from tests.fuzz.serializers.decoded import control_fault, control_of, file_fault
from tests.fuzz.serializers.inputs import NOW, STARTS, Input
from tests.fuzz.serializers.jobs import RECEIVERS
from tests.fuzz.serializers.reading import (
    TTL_DEFAULT,
    Ends,
    Expected,
    Sent,
    read_job,
    read_subscription,
)
from tests.fuzz.serializers.shapes import CONTROL, SUBSCRIPTION
from tests.worker.support import VAPID_KEY, land, make_pipeline, record
from worker.metrics import Metrics
from worker.pipeline.delivery import Flight
from worker.pipeline.pipeline import Pipeline
from worker.push.answers import PushResponse
from worker.records.envelope import Partition, Publication, Record
from worker.records.job import LaterJob
from worker.records.topics import BY_TOPIC, DEAD_LETTERS, OUTCOMES, STATS
from worker.records.values import RecordError

_METRICS = Metrics(CollectorRegistry())
_UNTIL_DUE = 30
"""Seconds after which everybody is due who does not wait in a tier."""

_EARLY = 600
"""Seconds by which a job is early whose recipients wait in a tier."""

_TO_NOT_AFTER = 86_000
"""Seconds that are left in any case until the jobs' `not_after`."""

_RECEIVERS = {f"/send/{name.replace(':', '-')}": keys for name, keys in RECEIVERS.items()}
"""By the path of the endpoint."""


class _EveryKey:
    def for_site(self, _vapid_key: str | None, _site_id: str) -> VapidKey:
        return VAPID_KEY


@dataclass
class Came:
    """What came of a record: the code of its dead letter, or texts, headers and outcomes by recipient."""

    killed: str | None = None
    texts: dict[str, bytes] = field(default_factory=dict)
    requests: dict[str, Any] = field(default_factory=dict)
    outcomes: dict[str, tuple[str, str | None]] = field(default_factory=dict)


def fault(each: Input) -> str | None:
    """Return what is wrong with what comes of an input, or None."""
    if each.record.kind is CONTROL:
        return control_fault(each)
    if each.record.kind is SUBSCRIPTION:
        return file_fault(each)
    expected = _start(each.start) if each.is_harmless else read_job(each.meant, each.record.kind)
    try:
        came = _journey(each)
    except Exception as error:  # noqa: BLE001 - whatever is raised is a finding
        return f"raised {type(error).__name__}: {error}"
    if expected.wrong or came.killed:
        return _dead_letter_fault(expected, came)
    return _fault_of_recipients(expected, came) or _fault_of_others(each, came)


def is_refused(each: Input) -> bool:
    """Whether the record must become a dead letter, or, if it is no job, have no effect."""
    if each.record.kind is CONTROL:
        return control_of(each.meant) is None
    if each.record.kind is SUBSCRIPTION:
        return read_subscription(each.meant, SUBSCRIPTION, "") is None
    return read_job(each.meant, each.record.kind).wrong is not None


@cache
def _start(name: str) -> Expected:
    return read_job(STARTS[name].tree, STARTS[name].kind)


# ── the pipeline ────────────────────────────────────────────────────────────────────────────────────────────


def _journey(each: Input) -> Came:
    came = Came()
    arrived = NOW - _EARLY if each.record.waits else NOW
    first = Partition(each.record.topic, 0)
    timestamp = each.timestamp - NOW + arrived
    written = record(each.value, first, timestamp=timestamp, headers=each.headers)
    for waiting in _leg(written, arrived, came):
        _check_waiting(waiting)
        tier = Partition(waiting.topic, 0)
        again = record(waiting.value, tier, timestamp=arrived, headers=waiting.headers)
        assert not _leg(again, NOW, came), "waits again"
    assert (came.killed is None) == bool(came.outcomes), "neither a dead letter nor outcomes, or both"
    return came


def _leg(written: Record, now: float, came: Came) -> list[Publication]:
    """Take a record through the pipeline; return what is written for later."""
    pipeline = make_pipeline(written.partition, metrics=_METRICS, keys=_EveryKey())
    error = pipeline.accept(written, now)
    if isinstance(error, RecordError):
        came.killed = error.code
    now += _UNTIL_DUE
    flights = pipeline.dispatch(now, 2000)
    for flight in flights:
        came.texts[flight.delivery.recipient.id] = _decrypted(flight)
        came.requests[flight.delivery.recipient.id] = flight.request.headers
    land(pipeline, [(flight, PushResponse(201)) for flight in flights], now)
    later = list(_published(pipeline, written, now, came))
    assert not pipeline.open, "a recipient has no end"
    return later


def _decrypted(flight: Flight) -> bytes:
    body = flight.request.body
    return decrypt(body, _RECEIVERS[flight.request.endpoint.target]) if body else b""


def _published(pipeline: Pipeline, written: Record, now: float, came: Came) -> Iterator[Publication]:
    while pipeline.unacknowledged:
        batch = pipeline.checkpoint(now + 100)
        assert batch is not None
        for publication in batch.publications:
            if publication.topic == DEAD_LETTERS:
                assert publication.value == written.value
            elif publication.topic != STATS:
                empty = b"" if publication.topic in BY_TOPIC else None  # as docs/jobs.md says of headers
                headers = tuple((name, empty if value is None else value) for name, value in written.headers)
                assert publication.headers == headers, "headers are not carried on"
                if publication.topic in BY_TOPIC:
                    yield publication
                else:
                    assert publication.topic == OUTCOMES, f"goes to {publication.topic}"
                    _note_outcomes(publication, came)
        pipeline.acknowledge(batch)


def _note_outcomes(publication: Publication, came: Came) -> None:
    for outcome in json.loads(publication.value or b"")["outcomes"]:
        assert outcome["recipient_id"] not in came.outcomes, "has two outcomes"
        came.outcomes[outcome["recipient_id"]] = outcome["status"], outcome["detail"]


def _check_waiting(waiting: Publication) -> None:
    """Check that an older worker, which tolerates nothing, can read what waits."""
    job = msgspec.json.decode(waiting.value or b"", type=LaterJob)
    for person in job.recipients:
        assert None not in (person.variables or {}).values(), "a null waits"
        keys = person.subscription.keys
        assert not set(keys.p256dh + keys.auth) & set("+/=\r\n"), "ordinary base64 waits"


# ── what must come of it ────────────────────────────────────────────────────────────────────────────────────


def _dead_letter_fault(expected: Expected, came: Came) -> str | None:
    if expected.wrong is None:
        return f"killed: {came.killed}"
    if came.killed is None:
        return f"is no dead letter, though {expected.wrong} is wrong"
    is_named = came.killed in {"bad_field", "unsupported_version"}
    return None if is_named else f"a dead letter, but {came.killed}"


def _fault_of_recipients(expected: Expected, came: Came) -> str | None:
    if expected.recipients.keys() != came.outcomes.keys():
        return f"outcomes of {sorted(came.outcomes)}, not of {sorted(expected.recipients)}"
    found = (_fault_of(name, each, came) for name, each in expected.recipients.items())
    return next((each for each in found if each), None)


def _fault_of(name: str, expected: Sent | Ends, came: Came) -> str | None:
    status, detail = came.outcomes[name]
    if isinstance(expected, Ends):
        is_right = status == expected.status and expected.detail in {None, detail} and name not in came.texts
        return None if is_right else f"{name} is {status}, {detail}; should be {expected}"
    if (status, detail) != ("sent", None):
        return f"{name} is {status}, {detail}; should be sent"
    if not _is_text(came.texts[name], expected):
        return f"{name} got {came.texts[name]!r}; should be {expected.text!r}"
    headers = came.requests[name]
    if (headers["Urgency"], headers.get("Topic")) != (expected.urgency, expected.topic):
        return f"{name}: the request's headers are {dict(headers)}; should be {expected}"
    ttl = int(headers["TTL"])
    is_ttl = min(expected.ttl - 60, _TO_NOT_AFTER) <= ttl <= min(expected.ttl, TTL_DEFAULT)
    return None if is_ttl else f"{name}: TTL is {ttl}; should be {expected.ttl}"


def _is_text(text: bytes, expected: Sent) -> bool:
    if not expected.is_json:
        return text == expected.text.encode()
    return same(json.loads(text), expected.text)


def same(one: Any, other: Any) -> bool:
    """Whether two trees are equal, `true` not being 1, and 5.0 being 5."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return type(one) is type(other) and bool(one == other)


def _fault_of_others(each: Input, came: Came) -> str | None:
    """Check, whatever `reading` says of the change, that it does not touch the others."""
    if each.path[:1] != ("recipients",) or len(each.path) < 3:
        return None
    start = _start(each.start).recipients
    changed = list(start)[int(each.path[1])]
    return next((_fault_of(name, start[name], came) for name in start if name != changed), None)
