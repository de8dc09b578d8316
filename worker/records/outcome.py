"""What became of a recipient: the final statuses, and the values that say so.

Decides nothing about the wire: `answers.py` turns what a push service said into a verdict.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Settled:
    """A final verdict: nothing more will be tried for this recipient.

    Attributes:
        status: The final status.
        detail: A short stable word (`gone`, `key_mismatch`, …), or None where the status says it all.
    """

    status: Status
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A verdict that asks for another attempt.

    Attributes:
        reason: A short stable word, also the metric's label (`throttled`, `timeout`, …).
        throttled: Whether the push service asked to be spared (429, 406 from WNS, 503), which closes gates
            and lowers concurrency limits.
    """

    reason: str
    throttled: bool = False


Verdict = Settled | TryAgain
SENT = Settled(Status.SENT)


class Outcome(Struct, frozen=True, gc=False):
    """One recipient's outcome, as `push.outcomes` has it; CONTRACT: OutcomeBatch.

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
