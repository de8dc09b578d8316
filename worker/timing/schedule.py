"""When a recipient is due, and until when its message lives.

Pure functions of the job and its record's timestamp, so that any worker, at any time, after any restart,
finds the same moments.
"""

from dataclasses import dataclass
from hashlib import blake2b
from math import inf

from msgspec import Struct

from worker.records.job import LaterRecipient, Recipient, SendJob

FIRST_ATTEMPT_GRACE = 60.0
"""Seconds: a first attempt does not lapse before it is this late, however short its `ttl`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A job's schedule with every default written out; times are seconds since the epoch.

    Attributes:
        start: When the first recipient is due.
        stretch: Seconds over which the campaign is spread.
        first: Number of the record's first recipient; None without slice.
        total: Recipients of the campaign; 0 without slice.
        ttl: Seconds of life of each message from its own due time.
        not_after: Nothing is sent after it; infinite where the job sets none.
        campaign_id: Decides, with the recipient's id, its place where there is no slice.
    """

    start: float
    stretch: float
    first: int | None
    total: int
    ttl: float
    not_after: float
    campaign_id: str


class Times(Struct, frozen=True, gc=False):
    """A recipient's own moments, seconds since the epoch.

    Attributes:
        due: From which its `ttl` counts and before which nothing is sent.
        next: When the next attempt may be made; `due`, or later for one that is tried again.
        number: Its place in the campaign's slice, or None.
    """

    due: float
    next: float
    number: int | None


def make_plan(job: SendJob, written_at: float, default_stretch: float) -> Plan:
    """Write a job's schedule out.

    Args:
        job: From any input or tier.
        written_at: Timestamp of the job's own record, the default of `start_at`.
        default_stretch: Seconds, the default of `stretch_time`.
    """
    return Plan(
        start=job.start_at.timestamp() if job.start_at else written_at,
        stretch=default_stretch if job.stretch_time is None else job.stretch_time,
        first=job.slice.first if job.slice else None,
        total=job.slice.total if job.slice else 0,
        ttl=job.ttl,
        not_after=job.not_after.timestamp() if job.not_after else inf,
        campaign_id=job.campaign_id,
    )


def times(plan: Plan, recipient: Recipient, index: int, shift: float = 0.0) -> Times:
    """Find a recipient's moments.

    Args:
        plan: Of its job.
        recipient: A `LaterRecipient` brings its number and, once it was tried, its due time along.
        index: Its place in the record, counted from 0.
        shift: Seconds by which the campaign was paused so far: moves planned times, not `not_before`.
    """
    number = None if plan.first is None else plan.first + index
    if isinstance(recipient, LaterRecipient):
        number = number if recipient.number is None else recipient.number
        if recipient.due_at:
            due = recipient.due_at.timestamp()
            not_before = recipient.not_before.timestamp() if recipient.not_before else due
            return Times(due, max(due, not_before), number)
    due = plan.start
    if plan.stretch:
        due += plan.stretch * _place(plan, recipient.id, number)
    due += shift
    if recipient.not_before:
        due = max(due, recipient.not_before.timestamp())
    return Times(due, due, number)


def _place(plan: Plan, recipient_id: str, number: int | None) -> float:
    """Where in the stretch a recipient's turn is, from 0 to 1."""
    if number is not None and plan.total:
        return number / plan.total
    text = f"{plan.campaign_id}/{recipient_id}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest()) / 2**64


def ends_at(plan: Plan, due: float) -> float:
    """The end of a message's life: its `ttl` from its due time, or the job's `not_after`."""
    return min(due + plan.ttl, plan.not_after)


def lapses_at(plan: Plan, due: float, attempts: int) -> float:
    """After which moment no attempt is made any more; attempts made so far decide whether grace applies."""
    has_grace = not attempts and plan.ttl < FIRST_ATTEMPT_GRACE
    return min(due + (FIRST_ATTEMPT_GRACE if has_grace else plan.ttl), plan.not_after)


def ttl_left(plan: Plan, due: float, now: float) -> int:
    """What an attempt at `now` sends as `TTL` (RFC 8030 section 5.2), in whole seconds."""
    left = ends_at(plan, due) - now
    return int(left) if left > 0 else 0
