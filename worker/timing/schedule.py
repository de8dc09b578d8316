"""When a recipient is due, and how long its message lives.

Pure functions of the job and its record's timestamp: any worker, at any time, after any restart, computes the
same times.
"""

from hashlib import blake2b
from math import inf

from msgspec import Struct

from worker.records.job import SendJob
from worker.records.recipient import LaterRecipient, Recipient, Unreadable

FIRST_ATTEMPT_GRACE = 60.0
"""Seconds: a first attempt lapses no sooner than this after it was due, however short its `ttl`."""

TTL_MAX = 2_419_200
"""The longest `TTL` that is sent, in seconds: 28 days. Source: docs/push-services.md: FCM"""


class Plan(Struct, frozen=True, gc=False):
    """A job's schedule with every default written out; times are seconds since the epoch.

    Attributes:
        start: When the first recipient is due.
        stretch: Seconds over which the campaign is spread.
        first: Place of the record's first recipient: `slice.first`, or 0 without a slice.
        total: Number of recipients in the campaign; 0 without a slice.
        ttl: Seconds that each message lives from its own due time.
        not_after: Nothing is sent after this; infinity if the job sets no limit.
        campaign_id: With the recipient's id, determines its turn if there is no slice.
    """

    start: float
    stretch: float
    first: int
    total: int
    ttl: float
    not_after: float
    campaign_id: str


class Times(Struct, frozen=True, gc=False):
    """A recipient's own times, seconds since the epoch.

    Attributes:
        due: Start of its `ttl`; nothing is sent before.
        next: When the next attempt may be made: `due`, or later for a retry.
        number: Its place, as in `number_of`.
    """

    due: float
    next: float
    number: int | None


def make_plan(job: SendJob, written_at: float, default_stretch: float) -> Plan:
    """Write out a job's schedule with all defaults.

    Args:
        job: A job from an input or a tier.
        written_at: Timestamp of the job's own record, the default for `start_at`.
        default_stretch: The default for `stretch_time`, in seconds.
    """
    return Plan(
        start=job.start_at.timestamp() if job.start_at else written_at,
        stretch=default_stretch if job.stretch_time is None else job.stretch_time,
        first=job.slice.first if job.slice else 0,
        total=job.slice.total if job.slice else 0,
        ttl=job.ttl,
        not_after=job.not_after.timestamp() if job.not_after else inf,
        campaign_id=job.campaign_id,
    )


def number_of(plan: Plan, recipient: Recipient | Unreadable, index: int) -> int | None:
    """Return a recipient's place in its job as it was produced, counted from `slice.first`, or else from 0.

    Args:
        plan: The plan of its job.
        recipient: A `LaterRecipient` carries its place.
        index: Its index in the record.

    Returns:
        The place; None out of a tier record that does not have it, as 0.1.0 wrote them without a slice.
    """
    if isinstance(recipient, LaterRecipient) and (recipient.number is not None or not plan.total):
        return recipient.number
    return plan.first + index


def times(plan: Plan, recipient: Recipient, index: int, shift: float = 0.0) -> Times:
    """Compute a recipient's times.

    Args:
        plan: The plan of its job.
        recipient: A `LaterRecipient` carries its number and, once it was tried, its due time.
        index: Its index in the record.
        shift: Seconds that the campaign was paused so far, which move planned times but not `not_before`.
    """
    number = number_of(plan, recipient, index)
    if isinstance(recipient, LaterRecipient) and recipient.due_at:
        due = recipient.due_at.timestamp()
        not_before = recipient.not_before.timestamp() if recipient.not_before else due
        return Times(due, max(due, not_before), number)
    due = plan.start
    if plan.stretch:
        due += plan.stretch * _turn(plan, recipient.id, number)
    due += shift
    if recipient.not_before:
        due = max(due, recipient.not_before.timestamp())
    return Times(due, due, number)


def _turn(plan: Plan, recipient_id: str, number: int | None) -> float:
    """Return when in the stretch it is a recipient's turn, from 0 to 1."""
    if number is not None and plan.total:
        return number / plan.total
    text = f"{plan.campaign_id}/{recipient_id}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest()) / 2**64


def ends_at(plan: Plan, due: float) -> float:
    """Return when a message's life ends: `ttl` after its due time, at the job's `not_after` at the latest."""
    return min(due + plan.ttl, plan.not_after)


def lapses_at(plan: Plan, due: float, attempts: int) -> float:
    """Return the time after which no attempt is made; the grace period is for the first attempt alone."""
    has_grace = not attempts and plan.ttl < FIRST_ATTEMPT_GRACE
    return min(due + (FIRST_ATTEMPT_GRACE if has_grace else plan.ttl), plan.not_after)


def ttl_left(plan: Plan, due: float, now: float) -> int:
    """Return the `TTL` to send with an attempt at `now` (RFC 8030 section 5.2): seconds, 28 days at most."""
    left = ends_at(plan, due) - now
    if left <= 0:
        return 0
    return int(left) if left < TTL_MAX else TTL_MAX
