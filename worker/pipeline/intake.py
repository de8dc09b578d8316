"""From a record's bytes to a job in hand, or to a dead letter that says what is wrong.

Decides on one record alone; knows nothing of what else is in memory.
"""

from dataclasses import dataclass, field

import msgspec

from worker.ledger.ledger import Partition
from worker.pipeline.delivery import JobInHand
from worker.pipeline.publication import Buried, Headers
from worker.pipeline.shelf import URGENT_TOPIC
from worker.push.message import compile_message
from worker.records.job import (
    Decoded,
    JobError,
    Lane,
    LaterJob,
    Recipient,
    decode_job,
    decode_later,
    encode_json,
    says_urgent,
)
from worker.timing.schedule import make_plan
from worker.timing.tiers import BY_TOPIC

HEADERS_MAX_BYTES = 65_536
"""Of a record's headers, names included: all of them go into each record that comes of it."""

RECIPIENT_MAX_BYTES = 131_072
"""Of one recipient as JSON: with its job and its headers it must fit a record of a tier."""


LETTER_HEADERS = ("error-code", "error", "source-topic", "source-partition", "source-offset")
"""What a dead letter says of its record, in this order."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record of an input topic or a tier, as Kafka holds it.

    Attributes:
        partition: Where it lies; the topic without the prefix.
        offset: Its place there.
        timestamp: Seconds since the epoch.
        key: As written, or None.
        value: As written; None for a tombstone.
        headers: As written.
    """

    partition: Partition
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def urgent(self) -> bool:
        """Whether it is of the urgent lane: by its topic, or out of a tier as it says itself."""
        if self.partition.topic in BY_TOPIC:
            return self.value is not None and says_urgent(self.value)
        return self.partition.topic == URGENT_TOPIC


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A record that is a valid job.

    Attributes:
        job: What its recipients share. Holds none of them: one that waits must not keep the others in memory.
        recipients: In the record's order.
        flaws: What is wrong with those that cannot be sent to, by their index.
    """

    job: JobInHand
    recipients: list[Recipient] = field(repr=False)
    flaws: dict[int, str]


def take_in_hand(record: Record, default_stretch: float) -> TakenIn:
    """Read a record's job and prepare what all its deliveries share.

    Args:
        record: Of an input topic or a tier.
        default_stretch: Seconds, for jobs without `stretch_time`.

    Raises:
        JobError: It is no valid job.
    """
    if sum(len(name) + len(value) for name, value in record.headers) > HEADERS_MAX_BYTES:
        raise JobError("bad_field", f"headers: are larger than {HEADERS_MAX_BYTES} bytes")
    decoded = _decode(record)
    job = decoded.job
    lane = Lane.URGENT if record.urgent else Lane.NORMAL
    in_hand = JobInHand(
        job=msgspec.structs.replace(job, recipients=[]),
        plan=make_plan(job, record.timestamp, default_stretch),
        lane=job.lane if isinstance(job, LaterJob) else lane,
        message=compile_message(job),
        headers=record.headers,
    )
    flaws = decoded.flaws | oversized(decoded, len(record.value or b""))
    return TakenIn(in_hand, job.recipients, flaws)


def oversized(decoded: Decoded, size: int) -> dict[int, str]:
    """Find recipients that are too large to be written again, by their index.

    Args:
        decoded: A job.
        size: Of its record's value in bytes. In a small one nobody is too large: what is written again may be
            longer (`1e15` becomes `1000000000000000.0`), but never by so much that it would not fit.
    """
    if size <= RECIPIENT_MAX_BYTES:
        return {}
    sizes = (len(encode_json(recipient)) for recipient in decoded.job.recipients)
    return {index: "recipient_too_large" for index, size in enumerate(sizes) if size > RECIPIENT_MAX_BYTES}


def bury(record: Record, error: JobError, topic_prefix: str) -> Buried:
    """Make a dead letter: the record's own bytes and headers, and what is wrong with it."""
    place = (topic_prefix + record.partition.topic, str(record.partition.number), str(record.offset))
    said = zip(LETTER_HEADERS, (error.code, error.problem, *place), strict=True)
    own = tuple((name, value) for name, value in record.headers if name not in LETTER_HEADERS)
    added = tuple((name, value.encode()) for name, value in said)
    return Buried(record.key, record.value, own + added)


def _decode(record: Record) -> Decoded:
    if record.value is None:
        raise JobError("bad_field", "value: is missing")
    return decode_later(record.value) if record.partition.topic in BY_TOPIC else decode_job(record.value)
