"""What the demo has to go by: what pushmill wrote back, and what the simulated push services saw. Pure.

Reads records with types of its own, as a consumer upstream would.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from worker.demo.course import Course
from worker.demo.producer import Production, Who


class Outcome(msgspec.Struct, frozen=True):
    """One recipient's outcome; ARCHITECTURE.md: OutcomeBatch."""

    recipient_id: str
    status: str
    at: datetime
    attempts: int
    http_status: int | None = None
    detail: str | None = None

    def __str__(self) -> str:
        said = ", ".join(str(word) for word in (self.http_status, self.detail) if word is not None)
        return f"{self.status} after {self.attempts} attempts" + (f" ({said})" if said else "")


class _Batch(msgspec.Struct, frozen=True):
    job_id: str
    outcomes: list[Outcome]


class _Expired(msgspec.Struct, frozen=True):
    recipient_id: str
    site_id: str
    endpoint: str
    http_status: int


class Gone(NamedTuple):
    """What a record of `push.expired` says."""

    site_id: str
    recipient_id: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Buried:
    """A record of `push.dead-letters`."""

    key: str
    value: bytes
    code: str


@dataclass(frozen=True, slots=True)
class Push:
    """A push that a simulated service was asked to take.

    Attributes:
        taken: Whether it did.
        digest: Of the text that it decrypted; 0 where it did not.
        at: Arrival, in seconds since the epoch.
    """

    endpoint: str
    taken: bool
    digest: int
    at: float


@dataclass(slots=True)
class Received:
    """What pushmill wrote back: the last word on each recipient, and how many were said twice."""

    outcomes: dict[Who, Outcome] = field(default_factory=dict)
    repeated: Counter[Who] = field(default_factory=Counter)
    expired: Counter[Gone] = field(default_factory=Counter)
    buried: list[Buried] = field(default_factory=list)

    def take_outcomes(self, value: bytes) -> None:
        """Take in a record of `push.outcomes`."""
        batch = _decode_batch(value)
        for outcome in batch.outcomes:
            who = Who(batch.job_id, outcome.recipient_id)
            if who in self.outcomes:
                self.repeated[who] += 1
            self.outcomes[who] = outcome

    def take_expired(self, value: bytes) -> None:
        """Take in a record of `push.expired`."""
        expired = _decode_expired(value)
        self.expired[Gone(expired.site_id, expired.recipient_id, expired.endpoint)] += 1

    def take_buried(self, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes]) -> None:
        """Take in a record of `push.dead-letters`."""
        code = headers.get("error-code", b"").decode(errors="replace")
        self.buried.append(Buried((key or b"").decode(errors="replace"), value or b"", code))

    @property
    def last_at(self) -> float:
        """When the last outcome became final, in seconds since the epoch; 0 if there is none."""
        return max((outcome.at.timestamp() for outcome in self.outcomes.values()), default=0.0)


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_expired = msgspec.json.Decoder(_Expired).decode


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a play gave to pushmill.

    Attributes:
        production: What was written, and what must come of it.
        written_at: Timestamps of the job records by job id, in seconds since the epoch.
        course: What there was to keep to; None where everything was to go at once.
    """

    production: Production
    written_at: Mapping[str, float]
    course: Course | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the account is made of.

    Attributes:
        delivered: What was written, and what must come of it.
        received: What pushmill wrote back.
        pushes: What the simulated push services saw.
        exits: Exit status of each worker.
        cpu_seconds: Of all workers together, from start to end.
    """

    delivered: Delivered
    received: Received
    pushes: Sequence[Push]
    exits: Mapping[str, int]
    cpu_seconds: float
