"""Outcomes of recipients: the final statuses, and the records that report them.

Knows nothing of push services: `push/answers.py` turns their answers into verdicts.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from worker.records.values import Moment, decode_value


class Status(StrEnum):
    """The final status of one recipient; every recipient of a valid job ends in exactly one."""

    SENT = "sent"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNAUTHORIZED = "unauthorized"
    INVALID = "invalid"
    FAILED = "failed"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"


class Outcome(Struct, frozen=True, gc=False):
    """One recipient's outcome, as `push.outcomes` has it; ARCHITECTURE.md: OutcomeBatch.

    `attempts` counts the requests of every process. `push_service` is None if the endpoint was not usable,
    `detail` if the status says it all.

    Attributes:
        recipient_id: As upstream gave it.
        status: Final. Accept statuses that you do not know.
        at: When it became final.
        attempts: Requests made for it.
        http_status: Of the last answer, if there was one.
        push_service: `fcm`, `mozilla`, `wns`, `apple` or `other`.
        detail: A short stable word, never a secret.
        number: Its place in the job as that was produced: `slice.first`, or 0, plus its index. In a job the
            numbers run without a gap. Null where the recipient was in a tier before the worker was upgraded.
    """

    recipient_id: str
    status: Status
    at: datetime
    attempts: int
    http_status: int | None
    push_service: str | None
    detail: str | None
    number: int | None = None


class OutcomeBatch(Struct, frozen=True):
    """The value of a record in `push.outcomes`.

    Attributes:
        worker: The worker that wrote it, `instance/process`.
        outcomes: Recipients that became final. After a crash one may come again: the last counts.
    """

    v: int
    job_id: str
    campaign_id: str
    site_id: str
    worker: str
    outcomes: Sequence[Outcome]


class Expired(Struct, frozen=True):
    """The value of a record in `push.expired`.

    Attributes:
        endpoint: Delete the subscription only if what you store still equals this.
    """

    v: int
    recipient_id: str
    site_id: str
    endpoint: str
    http_status: int | None
    at: datetime


class ReadOutcome(Outcome, frozen=True, kw_only=True, gc=False):
    """An outcome as a reader sees it: a later version of the worker may have written it.

    Attributes:
        status: A `Status`, or the text of one that this version does not know.
    """

    status: Status | str  # type: ignore[assignment]  # wider than what the worker writes


class ReadOutcomeBatch(OutcomeBatch, frozen=True, kw_only=True):
    """The value of a record in `push.outcomes`, as a reader sees it."""

    outcomes: Sequence[ReadOutcome]


class _AnyOutcome(Outcome, frozen=True, kw_only=True, gc=False):
    status: str  # type: ignore[assignment]
    at: Moment


class _AnyOutcomeBatch(OutcomeBatch, frozen=True, kw_only=True):
    outcomes: list[_AnyOutcome]


class _AnyExpired(Expired, frozen=True, kw_only=True):
    at: Moment


_STATUSES: dict[str, Status] = {status.value: status for status in Status}
_outcomes_decoder = msgspec.json.Decoder(_AnyOutcomeBatch)
_expired_decoder = msgspec.json.Decoder(_AnyExpired)


def decode_outcomes(value: bytes) -> ReadOutcomeBatch:
    """Read a record of `push.outcomes`, ignoring unknown fields.

    Raises:
        RecordError: The value is not such a record; the text names the field.
    """
    batch = decode_value(_outcomes_decoder, value)
    outcomes = [
        ReadOutcome(
            recipient_id=each.recipient_id,
            status=_STATUSES.get(each.status, each.status),
            at=each.at,
            attempts=each.attempts,
            http_status=each.http_status,
            push_service=each.push_service,
            detail=each.detail,
            number=each.number,
        )
        for each in batch.outcomes
    ]
    return ReadOutcomeBatch(
        v=batch.v,
        job_id=batch.job_id,
        campaign_id=batch.campaign_id,
        site_id=batch.site_id,
        worker=batch.worker,
        outcomes=outcomes,
    )


def decode_expired(value: bytes) -> Expired:
    """Read a record of `push.expired`, ignoring unknown fields.

    Raises:
        RecordError: The value is not such a record; the text names the field.
    """
    read = decode_value(_expired_decoder, value)
    return Expired(read.v, read.recipient_id, read.site_id, read.endpoint, read.http_status, read.at)
