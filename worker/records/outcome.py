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
    """

    recipient_id: str
    status: Status
    at: datetime
    attempts: int
    http_status: int | None
    push_service: str | None
    detail: str | None


class OutcomeBatch(Struct, frozen=True):
    """The value of a record in `push.outcomes`.

    Attributes:
        worker: Who says so, `instance/process`.
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
