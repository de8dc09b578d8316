"""What the demo is checked by: what Pushmill wrote back, and what the simulated push services saw. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from worker.demo.contract import Outcome, decode_expired, decode_outcomes
from worker.demo.course import Course
from worker.demo.producer import Production, RecipientKey


class ExpiredSubscription(NamedTuple):
    """A subscription that a record of `push.expired` names."""

    site_id: str
    recipient_id: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record of `push.dead-letters`."""

    key: str
    value: bytes
    code: str


@dataclass(frozen=True, slots=True)
class Push:
    """A push that a simulated service received.

    Attributes:
        taken: Whether the service accepted it.
        digest: Digest of the decrypted text; 0 if it was not decrypted.
        at: When it arrived, in seconds since the epoch.
        status: Of the service's answer; 0 if none reached the worker.
        text: As decrypted, if the services keep that.
    """

    endpoint: str
    taken: bool
    digest: int
    at: float
    status: int = 0
    text: bytes | None = None


@dataclass(slots=True)
class Received:
    """What Pushmill wrote back: the last outcome of each recipient, and which came more than once."""

    outcomes: dict[RecipientKey, Outcome] = field(default_factory=dict)
    repeated: Counter[RecipientKey] = field(default_factory=Counter)
    expired: Counter[ExpiredSubscription] = field(default_factory=Counter)
    dead_letters: list[DeadLetter] = field(default_factory=list)

    def take_outcomes(self, value: bytes) -> None:
        """Add a record of `push.outcomes`."""
        batch = decode_outcomes(value)
        for outcome in batch.outcomes:
            key = RecipientKey(batch.job_id, outcome.recipient_id)
            if key in self.outcomes:
                self.repeated[key] += 1
            self.outcomes[key] = outcome

    def take_expired(self, value: bytes) -> None:
        """Add a record of `push.expired`."""
        expired = decode_expired(value)
        self.expired[ExpiredSubscription(expired.site_id, expired.recipient_id, expired.endpoint)] += 1

    def take_dead_letter(self, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes]) -> None:
        """Add a record of `push.dead-letters`."""
        code = headers.get("error-code", b"").decode(errors="replace")
        self.dead_letters.append(DeadLetter((key or b"").decode(errors="replace"), value or b"", code))

    @property
    def last_at(self) -> float:
        """When the last outcome was decided, in seconds since the epoch; 0 if there is none."""
        return max((outcome.at.timestamp() for outcome in self.outcomes.values()), default=0.0)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a play gave Pushmill to do.

    Attributes:
        production: What was written, and what must become of each recipient.
        written_at: Timestamps of the job records by job id, in seconds since the epoch.
        course: What a stretched run had to keep to; None if everything was sent at once.
    """

    production: Production
    written_at: Mapping[str, float]
    course: Course | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the report is made from.

    Attributes:
        delivered: What was written, and what must become of each recipient.
        received: What Pushmill wrote back.
        pushes: What the simulated push services saw.
        exits: Exit status of each worker.
        cpu_seconds: CPU time of all workers together, from start to end.
    """

    delivered: Delivered
    received: Received
    pushes: Sequence[Push]
    exits: Mapping[str, int]
    cpu_seconds: float
