"""Pushmill's topics and records, as an upstream reads their documentation: the demo's second reading of them.

It must not import `worker.records`: the demo would only compare the worker with itself.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

JOBS, URGENT_JOBS, CONTROL = "jobs", "jobs.urgent", "control"
OUTCOMES, EXPIRED, DEAD_LETTERS = "outcomes", "expired", "dead-letters"
"""The topics that the demo writes and reads, without their prefix."""


class Status(StrEnum):
    """The final statuses that the demo arranges; ARCHITECTURE.md: OutcomeBatch."""

    SENT = "sent"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNAUTHORIZED = "unauthorized"
    INVALID = "invalid"


class CampaignControl(msgspec.Struct, frozen=True):
    """A record of `push.control`; ARCHITECTURE.md: CampaignControl."""

    campaign_id: str
    state: Literal["paused", "running"]
    at: datetime
    shift: float
    v: int = 1


class Outcome(msgspec.Struct, frozen=True):
    """One recipient's outcome; any status is accepted, as upstreams are asked to do."""

    recipient_id: str
    status: str
    at: datetime
    attempts: int
    http_status: int | None = None
    detail: str | None = None

    def __str__(self) -> str:
        reasons = ", ".join(str(each) for each in (self.http_status, self.detail) if each is not None)
        return f"{self.status} after {self.attempts} attempts" + (f" ({reasons})" if reasons else "")


class OutcomeBatch(msgspec.Struct, frozen=True):
    """A record of `push.outcomes`; ARCHITECTURE.md: OutcomeBatch."""

    job_id: str
    outcomes: list[Outcome]


class Expired(msgspec.Struct, frozen=True):
    """A record of `push.expired`; ARCHITECTURE.md: Expired."""

    recipient_id: str
    site_id: str
    endpoint: str
    http_status: int


encode_json = msgspec.json.Encoder().encode
decode_outcomes = msgspec.json.Decoder(OutcomeBatch).decode
decode_expired = msgspec.json.Decoder(Expired).decode
