"""The demo's upstream: the records it writes, and what must become of each recipient.

`address` turns drafts and subscriptions into records and expectations, and is pure; only `write` knows Kafka.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from worker.config import KafkaSettings
from worker.demo.contents import expected_text
from worker.demo.contract import JOBS, URGENT_JOBS
from worker.demo.drafts import FATES, Draft, DraftRecipient, Fate, SubscriptionKind
from worker.edges.kafka.client import connection
from worker.simulator.journal import digest

STOP_SECONDS = 5.0

ANSWERS = {Fate.NOT_FOUND: 404, Fate.REFUSED_AS_TOO_LARGE: 413}
"""Statuses that push services are scripted to answer once; a second push would be accepted, and noticed."""


@dataclass(frozen=True, slots=True)
class ProducerRecord:
    """A record that is ready to be written; `topic` is without the prefix."""

    topic: str
    key: str
    value: bytes


class RecipientKey(NamedTuple):
    """One recipient of one job, by which outcomes are counted."""

    job_id: str
    recipient_id: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What must become of one recipient.

    Attributes:
        status: Status in `push.outcomes`.
        asked: Whether the push service must receive exactly one request; otherwise none.
        site_id: Site of its job.
        service: Profile of the simulated push service.
        endpoint: Endpoint in its subscription.
        digest: Digest of the text that must be decrypted; None if no push may be accepted.
    """

    status: str
    asked: bool
    site_id: str
    service: str
    endpoint: str
    digest: int | None


@dataclass(frozen=True, slots=True)
class Production:
    """Everything that is written, and what must become of it.

    Attributes:
        records: The jobs, then the broken records.
        expected: What must become of each recipient.
        broken: Records that must become dead letters, with their error codes.
        scripts: Push service, endpoint, and the status that the endpoint answers with once.
    """

    records: list[ProducerRecord]
    expected: dict[RecipientKey, Expected]
    broken: dict[ProducerRecord, str]
    scripts: list[tuple[str, str, int]]


BROKEN = {
    ProducerRecord(JOBS, "broken-1", b'{"v": 1, "job_id": "cut off'): "bad_json",
    ProducerRecord(URGENT_JOBS, "broken-2", b'{"v": 2, "job_id": "of-tomorrow"}'): "unsupported_version",
    ProducerRecord(JOBS, "broken-3", b'{"v": 1, "job_id": "nobody"}'): "bad_field",
}
"""Records that are not valid jobs, with the error code that each must get."""


def address(
    drafts: Iterable[Draft], subscriptions: Mapping[SubscriptionKind, Sequence[Mapping[str, Any]]]
) -> Production:
    """Give each recipient its subscription, and say what must become of it.

    Args:
        drafts: As `draft` made them.
        subscriptions: As many of each kind as `kinds_needed` counts, shaped like `PushSubscription.toJSON()`.
    """
    pool = {kind: iter(found) for kind, found in subscriptions.items()}
    production = Production([], {}, dict(BROKEN), [])
    for each in drafts:
        recipients = [_addressed(each, recipient, pool, production) for recipient in each.recipients]
        value = json.dumps({**each.job, "recipients": recipients}, ensure_ascii=False).encode()
        production.records.append(ProducerRecord(each.topic, each.job["job_id"], value))
    production.records.extend(BROKEN)
    return production


def _addressed(
    each: Draft,
    recipient: DraftRecipient,
    pool: Mapping[SubscriptionKind, Iterator[Mapping[str, Any]]],
    production: Production,
) -> dict[str, Any]:
    """Return a recipient as its record holds it, and note in the production what must become of it."""
    given = next(pool[recipient.kind])
    subscription = _tampered(recipient, given)
    key = RecipientKey(each.job["job_id"], recipient.id)
    production.expected[key] = _expected(each.job, recipient, subscription["endpoint"])
    if recipient.fate in ANSWERS:
        script = (recipient.kind.service, given["endpoint"], ANSWERS[recipient.fate])
        production.scripts.append(script)
    variables = {"variables": recipient.variables} if recipient.variables else {}
    return {"id": recipient.id, "subscription": subscription, **variables}


def _tampered(recipient: DraftRecipient, given: Mapping[str, Any]) -> Mapping[str, Any]:
    if recipient.fate is Fate.BAD_KEYS:
        return {**given, "keys": {**given["keys"], "p256dh": "BA" + "A" * 85}}
    if recipient.fate is Fate.FOREIGN_ENDPOINT:
        return {**given, "endpoint": f"https://push.example.net/{recipient.id}"}
    return given


def _expected(job: Mapping[str, Any], recipient: DraftRecipient, endpoint: str) -> Expected:
    row = FATES[recipient.fate]
    sent = recipient.fate is Fate.SENT
    return Expected(
        status=row.status,
        asked=row.asked,
        site_id=job["site_id"],
        service=recipient.kind.service,
        endpoint=endpoint,
        digest=digest(expected_text(job, recipient.id, recipient.variables)) if sent else None,
    )


async def write(settings: KafkaSettings, records: Iterable[ProducerRecord]) -> dict[str, float]:
    """Write records as an upstream should: each once, and acknowledged.

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
        await asyncio.wait_for(producer.stop(), STOP_SECONDS)


async def _send(producer: AIOKafkaProducer, settings: KafkaSettings, record: ProducerRecord) -> Any:
    topic = settings.topic_prefix + record.topic
    return await producer.send(topic, record.value, key=record.key.encode())
