"""What travels through the worker: a job in hand, its deliveries, one for each recipient, their flights."""

from typing import Any

import msgspec

from worker.ledger.ledger import Entry
from worker.push.message import Message
from worker.push.request import PushRequest
from worker.push.services import Endpoint
from worker.records.job import Lane, Recipient, SendJob
from worker.timing.schedule import Plan


class JobContext(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A job whose record is being worked on: what all its deliveries share.

    Attributes:
        job: As decoded.
        plan: Its schedule with every default written out.
        lane: From which queue it is served, also when it comes back from a tier.
        message: Its compiled content.
        headers: Kafka headers of its record, copied to every record that comes of it.
    """

    job: SendJob
    plan: Plan
    lane: Lane
    message: Message
    headers: tuple[tuple[str, bytes], ...]

    def __repr__(self) -> str:
        return f"JobContext({self.job.job_id!r})"


class Delivery(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One recipient's notification on its way; times are seconds since the epoch.

    Attributes:
        job: What it shares with the record's other deliveries.
        entry: The record's place in the ledger.
        recipient: Where to, and its variables.
        index: Its place in the record.
        number: Its place in the campaign's slice, or None.
        endpoint: Where to, checked.
        due: Its own due time: `ttl` and lateness count from here.
        next: When it may be sent; `due`, or later for one that is tried again.
        lapses: After which moment it is not sent any more.
        attempts: Requests made so far.
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

    def __repr__(self) -> str:
        return f"Delivery({self.job.job.job_id!r}, {self.recipient.id!r}, {self.endpoint.origin.key})"


class Flight(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A request that is on the wire.

    Attributes:
        delivery: Whose.
        request: What was built for it.
        ttl: Seconds, as sent.
        sent_at: Seconds since the epoch.
    """

    delivery: Delivery
    request: PushRequest
    ttl: int
    sent_at: float

    def __repr__(self) -> str:
        return f"Flight({self.delivery!r}, {self.request!r})"
