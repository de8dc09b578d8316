"""Send jobs: their types on the wire, and how one is read from the bytes of a record.

Decides whether a job is valid and which of its recipients are not; knows nothing of where it came from.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from worker.records.notification import Notification
from worker.records.recipient import LaterRecipient, Recipient, Unreadable
from worker.records.tolerance import tolerated
from worker.records.values import Count, Id, Moment, RecordError, Seconds, encode_json, field_and_problem

TTL_DEFAULT = 2_419_200
RECIPIENTS_MAX = 1000
DATA_MAX_DEPTH = 100
TopicHeader = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,32}\Z")]
Ttl = Annotated[int, Meta(ge=0, lt=2**31)]


class Urgency(StrEnum):
    """RFC 8030 section 5.3."""

    VERY_LOW = "very-low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Lane(StrEnum):
    """Which of the two queues a job is served from."""

    NORMAL = "normal"
    URGENT = "urgent"


class Slice(Struct, frozen=True):
    """Which part of a campaign of `total` recipients a record holds: from number `first`, counted from 0."""

    first: Count
    total: Annotated[int, Meta(ge=1, lt=2**53)]


class SendJob(Struct, frozen=True, omit_defaults=True):
    """The value of a record in `push.jobs` and `push.jobs.urgent`; ARCHITECTURE.md: SendJob.

    Attributes:
        v: Version of this format. An unknown one is refused.
        job_id: Unique for each record. A job produced twice is sent twice.
        campaign_id: One run of a campaign; a recurrence gets a new one.
        site_id: Whose subscriptions these are.
        recipients: About 100 a record work best.
        vapid_key: Name of the key file; by default the site's, or else `default`.
        notification: Sent as Declarative Web Push JSON. Give either this or `payload`.
        payload: A text is sent as it is; variables are not applied. An object is a template, as `data` is.
        mutable: Declarative Web Push: whether a service worker may change what is shown.
        ttl: Seconds that each recipient's message lives from its own due time; 0 is one attempt.
        urgency: RFC 8030 section 5.3.
        topic: RFC 8030 section 5.4: replaces what waits at the push service under the same topic.
        start_at: When the first recipient is due; by default the timestamp of the record.
        stretch_time: Seconds over which the campaign's recipients are spread.
        not_after: Nothing is sent after this moment.
        slice: Where these recipients stand in the campaign; makes spreading far cheaper.
    """

    v: Literal[1]
    job_id: Id
    campaign_id: Id
    site_id: Id
    recipients: Annotated[list[Recipient], Meta(min_length=1, max_length=RECIPIENTS_MAX)]
    vapid_key: Id | None = None
    notification: Notification | None = None
    payload: str | dict[str, Any] | None = None
    mutable: bool | None = None
    ttl: Ttl = TTL_DEFAULT
    urgency: Urgency = Urgency.NORMAL
    topic: TopicHeader | None = None
    start_at: Moment | None = None
    stretch_time: Seconds | None = None
    not_after: Moment | None = None
    slice: Slice | None = None

    def __repr__(self) -> str:
        return f"SendJob({self.job_id!r}, {len(self.recipients)} recipients)"


class LaterJob(SendJob, frozen=True, omit_defaults=True, kw_only=True):
    """The value of a record in a tier: a job that stands for itself, whenever it comes out.

    Attributes:
        lane: Which of the two inputs it came from.
    """

    recipients: Annotated[list[LaterRecipient], Meta(min_length=1, max_length=RECIPIENTS_MAX)]  # type: ignore[assignment]
    start_at: Moment
    stretch_time: Seconds
    ttl: Ttl
    lane: Lane


class Decoded(Struct, frozen=True):
    """A valid job.

    Attributes:
        job: The job, with the recipients that can be read.
        recipients: All recipients, in the record's order.
    """

    job: SendJob
    recipients: Sequence[Recipient | Unreadable]

    @property
    def flaws(self) -> dict[int, str]:
        """What is wrong with the recipients that cannot be read, by index."""
        return {i: each.flaw for i, each in enumerate(self.recipients) if isinstance(each, Unreadable)}


class _LenientJob(SendJob, frozen=True, kw_only=True):
    recipients: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=RECIPIENTS_MAX)]  # type: ignore[assignment]
    # The only fields whose types have no null. Some serializers write it for all: that must stay cheap.
    ttl: Ttl | None = None  # type: ignore[assignment]
    urgency: Urgency | None = None  # type: ignore[assignment]


class _OnlyId(Struct):
    id: Id


class _OnlyVersion(Struct):
    v: Literal[1]


_Shape = TypeVar("_Shape")
_decode_strictly = msgspec.json.Decoder(SendJob).decode
_decode_leniently = msgspec.json.Decoder(_LenientJob).decode
_decode_later = msgspec.json.Decoder(LaterJob).decode
_decode_recipient = msgspec.json.Decoder(Recipient).decode
_decode_id = msgspec.json.Decoder(_OnlyId).decode
_decode_version = msgspec.json.Decoder(_OnlyVersion).decode
_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FLAWS = ("subscription", "variables", "not_before")


def decode_job(value: bytes) -> Decoded:
    """Read and check a record of `push.jobs` or `push.jobs.urgent`.

    What is harmless is tolerated. A recipient that cannot be read becomes an `Unreadable`; one without a
    readable id makes the whole job invalid, since no outcome could name it.

    Raises:
        RecordError: The value is not JSON, its `v` is unknown, or a field is missing or wrong.
    """
    try:
        job = _decode_strictly(value)
    except _REFUSALS:
        return _checked(_decode_around_flaws(value))
    return _checked(Decoded(job, job.recipients))


def decode_later(value: bytes) -> Decoded:
    """Read and check a record of a tier; `Decoded.job` is a `LaterJob`.

    Raises:
        RecordError: As for `decode_job`. A recipient that cannot be read makes the whole record invalid, too,
            since pushmill itself wrote it.
    """
    try:
        job = _decode_later(value)
    except _REFUSALS:
        value = tolerated(value, LaterJob)
        try:
            job = _read(_decode_later, value)
        except msgspec.ValidationError as error:
            raise _job_error(error, value) from None
    return _checked(Decoded(job, job.recipients))


def says_urgent(value: bytes) -> bool:
    """Whether a record of a tier belongs to the urgent lane, without decoding it.

    `encode_json` writes `lane` last, and JSON cannot end in these bytes for any other reason. A record that
    another program wrote in another order just waits like any other.
    """
    return value.endswith(b'"lane":"urgent"}')


def _read(decode: Callable[[bytes | msgspec.Raw], _Shape], value: bytes | msgspec.Raw) -> _Shape:
    try:
        return decode(value)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RecordError("bad_json", "value: is not JSON") from None
    except RecursionError:
        raise RecordError("bad_json", "value: is nested too deeply") from None


def _decode_around_flaws(value: bytes) -> Decoded:
    """Read each recipient by itself, so that a flaw in one costs that one alone."""
    lenient = _read_around_recipients(value)
    recipients = [_read_recipient(raw, index) for index, raw in enumerate(lenient.recipients)]
    readable = [each for each in recipients if isinstance(each, Recipient)]
    fields = {name: getattr(lenient, name) for name in SendJob.__struct_fields__}
    given = {name: field for name, field in fields.items() if field is not None}
    return Decoded(SendJob(**{**given, "recipients": readable}), recipients)


def _read_around_recipients(value: bytes) -> _LenientJob:
    try:
        return _decode_leniently(value)
    except _REFUSALS:
        value = tolerated(value, SendJob)
    try:
        return _read(_decode_leniently, value)
    except msgspec.ValidationError as error:
        raise _job_error(error, value) from None


def _read_recipient(raw: msgspec.Raw, index: int) -> Recipient | Unreadable:
    try:
        return _decode_recipient(raw)
    except _REFUSALS:
        value = tolerated(bytes(raw), Recipient)
    try:
        return _read(_decode_recipient, value)
    except msgspec.ValidationError as error:
        wrong, _ = field_and_problem(error)
    try:
        return Unreadable(_read(_decode_id, value).id, _flaw(wrong))
    except msgspec.ValidationError as error:
        name, problem = field_and_problem(error)
        at = f"recipients[{index}]" + (f".{name}" if name else "")
        raise RecordError("bad_field", f"{at}: {problem}") from None


def _flaw(wrong: str) -> str:
    return next((f"bad_{name}" for name in _FLAWS if wrong.startswith(name)), "bad_recipient")


def _job_error(error: msgspec.ValidationError, value: bytes) -> RecordError:
    try:
        _read(_decode_version, value)
    except msgspec.ValidationError as other:
        error = other  # another version may differ in every other field, too
    name, problem = field_and_problem(error)
    if name == "v":
        return RecordError("unsupported_version", f"v: {problem}; this version of pushmill only supports v 1")
    return RecordError("bad_field", f"{name or 'value'}: {problem}")


def _checked(decoded: Decoded) -> Decoded:
    job = decoded.job
    if (job.notification is None) == (job.payload is None):
        raise RecordError("bad_field", "notification: exactly one of notification and payload must be given")
    if job.notification and job.notification.renotify and not job.notification.tag:
        raise RecordError("bad_field", "notification.renotify: needs notification.tag")
    for name, tree in _trees(job):
        if _is_deeper(tree, DATA_MAX_DEPTH):
            raise RecordError("bad_field", f"{name}: is nested deeper than {DATA_MAX_DEPTH} levels")
    if job.slice and job.slice.first + len(decoded.recipients) > job.slice.total:
        raise RecordError("bad_field", "slice.total: is less than first + the number of recipients")
    return decoded


def _trees(job: SendJob) -> Iterator[tuple[str, Any]]:
    """Yield what a job holds of upstream's own shape, by field."""
    if job.notification is not None:
        yield "notification.data", job.notification.data
    yield "payload", job.payload


def _is_deeper(value: Any, levels: int) -> bool:
    # It is encoded again later, where an error would be too late.
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return not levels or any(_is_deeper(item, levels - 1) for item in items)


RECIPIENT_MAX_BYTES = 131_072
"""Maximum size of a recipient as JSON: with its job and its headers it must fit into a tier record."""


def within_size(decoded: Decoded, size: int) -> Sequence[Recipient | Unreadable]:
    """Return a job's recipients, with an `Unreadable` for each that is too large to be written again.

    Args:
        decoded: The job.
        size: Size of its record's value in bytes. No recipient of a small record is too large: it may grow
            when it is written again (`1e15` becomes `1000000000000000.0`), but never beyond what fits.
    """
    if size <= RECIPIENT_MAX_BYTES:
        return decoded.recipients
    return [_within_size(recipient) for recipient in decoded.recipients]


def _within_size(recipient: Recipient | Unreadable) -> Recipient | Unreadable:
    if len(encode_json(recipient)) <= RECIPIENT_MAX_BYTES:
        return recipient
    return Unreadable(recipient.id, "recipient_too_large")
