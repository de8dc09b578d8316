"""Turn a record's bytes into a job's context and recipients, or into an error that says what is wrong.

Decides about one record alone; knows nothing of what else is in memory.
"""

from collections.abc import Sequence
from math import inf

import msgspec

from worker.pipeline.delivery import JobContext
from worker.push.message import compile_message
from worker.records.envelope import Record
from worker.records.job import Decoded, Lane, LaterJob, decode_job, decode_later, within_size
from worker.records.recipient import Recipient, Unreadable
from worker.records.topics import BY_TOPIC
from worker.records.values import RecordError
from worker.timing.clocks import WrongClock, wrong_clock
from worker.timing.schedule import make_plan

HEADERS_MAX_BYTES = 65_536
"""Maximum size of a record's headers, names included; they are copied to every record derived from it."""


class TakenIn(msgspec.Struct, frozen=True):
    """A record that is a valid job.

    Attributes:
        job: What its recipients share, without the recipients: one that waits would keep all in memory.
        recipients: In the record's order.
    """

    job: JobContext
    recipients: Sequence[Recipient | Unreadable]

    def __repr__(self) -> str:
        return f"TakenIn({self.job!r}, {len(self.recipients)} recipients)"


def dated(record: Record, now: float) -> tuple[Record, WrongClock | None]:
    """Give a record whose timestamp cannot be the time `now`, which the plan of its job then starts from.

    No record came later than `now`, either.

    Returns:
        The record, and what was wrong with its timestamp.
    """
    wrong = wrong_clock(record.timestamp, now)
    if wrong or record.came_at > now:
        timestamp, came_at = now if wrong else record.timestamp, min(record.came_at, now)
        record = msgspec.structs.replace(record, timestamp=timestamp, came_at=came_at)
    return record, wrong


def take_in(record: Record, default_stretch: float) -> TakenIn:
    """Decode a record's job and prepare what all its deliveries share.

    Args:
        record: A record of an input topic or a tier.
        default_stretch: Seconds, for jobs without `stretch_time`.

    Raises:
        RecordError: The record is not a valid job.
    """
    if sum(len(name) + len(value or b"") for name, value in record.headers) > HEADERS_MAX_BYTES:
        raise RecordError("bad_field", f"headers: are larger than {HEADERS_MAX_BYTES} bytes")
    decoded = _decode(record)
    job = decoded.job
    lane = Lane.URGENT if record.urgent else Lane.NORMAL
    context = JobContext(
        job=msgspec.structs.replace(job, recipients=[]),
        plan=make_plan(job, record.timestamp, default_stretch),
        lane=job.lane if isinstance(job, LaterJob) else lane,
        message=compile_message(job),
        headers=record.headers,
        came_at=-inf if isinstance(job, LaterJob) else record.came_at,
    )
    if isinstance(job, LaterJob):
        return TakenIn(context, decoded.recipients)  # the input's record was within the limit
    return TakenIn(context, within_size(decoded, len(record.value or b"")))


def _decode(record: Record) -> Decoded:
    if record.value is None:
        raise RecordError("bad_field", "value: is missing")
    return decode_later(record.value) if record.partition.topic in BY_TOPIC else decode_job(record.value)
