"""Turn settled effects into the records that a checkpoint writes to Kafka.

Outcomes, expirations, later jobs and dead letters; topics are named without the prefix, which the edge adds.
Decides how effects are grouped into records; knows nothing of why a recipient has settled.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby

from msgspec import Struct

from worker.ledger.ledger import Taken
from worker.pipeline.delivery import JobContext
from worker.records.envelope import Headers, Publication
from worker.records.job import LaterJob, SendJob
from worker.records.outcome import Expired, Outcome, OutcomeBatch
from worker.records.recipient import LaterRecipient, Recipient, in_base64url, without_nulls
from worker.records.topics import EXPIRED, OUTCOMES, Tier
from worker.records.values import encode_json, moment

LATER_MAX_BYTES = 256 * 1024

# RFC 3339 years have four digits; a record's timestamp or a start in another time zone may lie outside.
_FIRST_SECOND = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LAST_SECOND = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


class Gone(Struct, frozen=True, gc=False):
    """A recipient whose subscription has expired.

    Attributes:
        outcome: For `push.outcomes`, like any other.
        endpoint: The subscription's; only `push.expired` carries it.
    """

    outcome: Outcome
    endpoint: str

    def __repr__(self) -> str:
        return f"Gone({self.outcome!r})"


class Postponed(Struct, frozen=True, gc=False):
    """A recipient that a tier brings back.

    Attributes:
        recipient: As it came.
        number: Its place in its job as that was produced, or None where a tier did not have it.
        attempts: Requests made so far.
        tier: The tier that brings it back.
        moved: Its due time and its next attempt, seconds since the epoch, if pushmill itself moved the next
            attempt; None if it is just not due yet.
        doubted: Whether its subscription was called gone before, and doubted.
        keyless_since: When the key that its job names was first found missing, seconds since the epoch.
    """

    recipient: Recipient
    number: int | None
    attempts: int
    tier: Tier
    moved: tuple[float, float] | None = None
    doubted: bool = False
    keyless_since: float | None = None


Effect = Outcome | Gone | Postponed | Publication
"""What becomes of a recipient, or of a whole record: then a dead letter, which is written as it is."""


def publications(settled: Taken[JobContext | None, Effect], worker: str) -> Iterator[Publication]:
    """Turn what a checkpoint settles into records, record by record.

    Args:
        settled: Effects by entry; an entry without a job holds nothing but a dead letter.
        worker: Name of this process, `instance/process`.
    """
    for entry, effects in settled:
        job = entry.subject
        if job is None:
            yield from (effect for _, effect in effects if isinstance(effect, Publication))
            continue
        outcomes = [effect for _, effect in effects if isinstance(effect, Outcome)]
        if len(outcomes) == len(effects):
            yield _outcome_batch(job, outcomes, worker)
        else:
            yield from _mixed(job, outcomes, [effect for _, effect in effects], worker)


def _mixed(
    job: JobContext, outcomes: list[Outcome], effects: list[Effect], worker: str
) -> Iterator[Publication]:
    gone = [effect for effect in effects if isinstance(effect, Gone)]
    outcomes += [effect.outcome for effect in gone]
    if outcomes:
        yield _outcome_batch(job, outcomes, worker)
    yield from (_expired(job, effect) for effect in gone)
    yield from _later(job, (effect for effect in effects if isinstance(effect, Postponed)))


def _outcome_batch(job: JobContext, outcomes: list[Outcome], worker: str) -> Publication:
    sent = job.job
    batch = OutcomeBatch(1, sent.job_id, sent.campaign_id, sent.site_id, worker, outcomes)
    return Publication(OUTCOMES, sent.job_id.encode(), encode_json(batch), job.headers)


def _expired(job: JobContext, gone: Gone) -> Publication:
    site, outcome = job.job.site_id, gone.outcome
    value = Expired(1, outcome.recipient_id, site, gone.endpoint, outcome.http_status, outcome.at)
    return Publication(EXPIRED, f"{site}/{outcome.recipient_id}".encode(), encode_json(value), job.headers)


def _later(job: JobContext, postponed: Iterable[Postponed]) -> Iterator[Publication]:
    by_tier = sorted(postponed, key=lambda effect: effect.tier.delay)
    for tier, effects in groupby(by_tier, key=lambda effect: effect.tier):
        yield from _split(job, tier, [_later_recipient(effect) for effect in effects])


def _split(job: JobContext, tier: Tier, recipients: list[LaterRecipient]) -> Iterator[Publication]:
    value = encode_json(_later_job(job, recipients))
    if len(value) > LATER_MAX_BYTES and len(recipients) > 1:
        half = len(recipients) // 2
        yield from _split(job, tier, recipients[:half])
        yield from _split(job, tier, recipients[half:])
    else:
        yield Publication(tier.topic, job.job.job_id.encode(), value, _tier_headers(job.headers))


def _tier_headers(headers: Headers) -> Headers:
    """Return a record's headers for a tier: an older worker, which may read it, takes none that is null."""
    return tuple((name, value or b"") for name, value in headers)


def _later_job(job: JobContext, recipients: list[LaterRecipient]) -> LaterJob:
    kept = {name: getattr(job.job, name) for name in SendJob.__struct_fields__}
    written_out = {
        "recipients": recipients,
        "start_at": moment(min(max(job.plan.start, _FIRST_SECOND), _LAST_SECOND)),
        "stretch_time": job.plan.stretch,
        "lane": job.lane,
    }
    return LaterJob(**{**kept, **written_out})


def _later_recipient(effect: Postponed) -> LaterRecipient:
    recipient = effect.recipient
    due_at = recipient.due_at if isinstance(recipient, LaterRecipient) else None
    not_before = recipient.not_before
    if effect.moved:
        due_at, not_before = (moment(seconds) for seconds in effect.moved)
    return LaterRecipient(
        id=recipient.id,
        subscription=in_base64url(recipient.subscription),
        variables=without_nulls(recipient.variables),
        not_before=not_before,
        number=effect.number,
        attempts=effect.attempts,
        due_at=due_at,
        doubted=effect.doubted,
        keyless_since=None if effect.keyless_since is None else moment(effect.keyless_since),
    )
