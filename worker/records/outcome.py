"""What became of a recipient: the final statuses, and the values that say so.

Decides nothing about the wire: `answers.py` turns what a push service said into a verdict.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct


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

    Attributes:
        recipient_id: As upstream gave it.
        status: The final status.
        at: When it became final.
        attempts: Requests made for it, this process's and earlier ones.
        http_status: Of the last answer, or None where there was none.
        push_service: `fcm`, `mozilla`, `wns`, `apple` or `other`; None where the endpoint was not usable.
        detail: As in `Settled`.
    """

    recipient_id: str
    status: Status
    at: datetime
    attempts: int
    http_status: int | None
    push_service: str | None
    detail: str | None


class OutcomeBatch(Struct, frozen=True):
    """The value of a record in `push.outcomes`."""

    v: int
    job_id: str
    campaign_id: str
    site_id: str
    worker: str
    outcomes: Sequence[Outcome]


class Expired(Struct, frozen=True):
    """The value of a record in `push.expired`."""

    v: int
    recipient_id: str
    site_id: str
    endpoint: str
    http_status: int | None
    at: datetime
