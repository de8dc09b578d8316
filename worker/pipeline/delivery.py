"""What travels along the path: a job's context, a delivery for each recipient, a flight for each request."""

from math import inf
from typing import Any

import msgspec

from worker.ledger.ledger import Entry
from worker.push.message import Message
from worker.push.request import PushRequest
from worker.push.services import Endpoint
from worker.records.envelope import Headers
from worker.records.job import Lane, SendJob
from worker.records.recipient import Recipient
from worker.timing.schedule import Plan


class JobContext(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What all deliveries of one record share.

    Attributes:
        job: As decoded, without its recipients.
        plan: Its schedule with every default written out.
        lane: The lane that serves it, also when it comes back from a tier.
        message: Its compiled content.
        headers: Kafka headers of its record, copied to every record derived from it.
        came_at: When its record came to Kafka, as far as is known; minus infinity for a record of a tier.
    """

    job: SendJob
    plan: Plan
    lane: Lane
    message: Message
    headers: Headers
    came_at: float = -inf

    def __repr__(self) -> str:
        return f"JobContext({self.job.job_id!r})"


class Delivery(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One recipient's notification on its way; times are seconds since the epoch.

    Attributes:
        job: The context it shares with the record's other deliveries.
        entry: The record's entry in the ledger.
        recipient: As decoded: its subscription and variables.
        index: Its index in the record.
        number: Its place in its job as that was produced, or None (`timing/schedule.py`: `number_of`).
        endpoint: The subscription's endpoint, checked.
        due: Its own due time; `ttl` and lateness count from here.
        next: When it may be sent: `due`, or later for another attempt.
        lapses: The moment after which it is no longer sent.
        attempts: Requests made so far.
        doubted: Whether its subscription was called gone before, and doubted.
        keyless_since: When the key that its job names was first found missing; None if it never was.
    """

    job: JobContext
    entry: Entry[Any, Any]
    recipient: Recipient
    index: int
    number: int | None
    endpoint: Endpoint
    due: float
    next: float
    lapses: float
    attempts: int
    doubted: bool = False
    keyless_since: float | None = None

    def __repr__(self) -> str:
        return f"Delivery({self.job.job.job_id!r}, {self.recipient.id!r}, {self.endpoint.origin.key})"


class Flight(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A request on the wire.

    Attributes:
        delivery: The delivery it was built for.
        request: The request itself.
        ttl: Seconds, as sent.
        sent_at: Seconds since the epoch.
    """

    delivery: Delivery
    request: PushRequest
    ttl: int
    sent_at: float

    def __repr__(self) -> str:
        return f"Flight({self.delivery!r}, {self.request!r})"
