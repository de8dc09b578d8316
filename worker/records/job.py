"""A send job: its types as they cross the wire, and reading one from the bytes of a record.

Decides whether a job is valid and which of its recipients are not; knows nothing of where it came from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from worker.records.values import (
    Count,
    Id,
    Moment,
    RecordError,
    Scalar,
    Seconds,
    encode_json,
    field_and_problem,
)

TTL_DEFAULT = 2_419_200
RECIPIENTS_MAX = 1000
DATA_MAX_DEPTH = 100
Topic = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,32}\Z")]
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


class Action(Struct, frozen=True, omit_defaults=True):
    """A button of a notification; `title` and `url` are templates."""

    action: str
    title: str
    url: str
    icon: str | None = None


class Notification(Struct, frozen=True, omit_defaults=True):
    """What is shown, its texts as templates (`{{name|fallback}}`)."""

    title: str
    url: str
    body: str | None = None
    icon: str | None = None
    image: str | None = None
    badge: str | None = None
    actions: list[Action] | None = None
    tag: str | None = None
    lang: str | None = None
    dir: Literal["auto", "ltr", "rtl"] | None = None
    silent: bool | None = None
    renotify: bool | None = None
    require_interaction: bool | None = None
    timestamp: Moment | None = None
    data: dict[str, Any] | None = None


class Keys(Struct, frozen=True):
    """A subscription's keys, base64url."""

    p256dh: str
    auth: str

    def __repr__(self) -> str:
        return "Keys(…)"


class Subscription(Struct, frozen=True):
    """What the browser's `PushSubscription.toJSON()` gives."""

    endpoint: str
    keys: Keys

    def __repr__(self) -> str:
        return "Subscription(…)"


class Recipient(Struct, frozen=True, omit_defaults=True):
    """One recipient.

    Attributes:
        id: Upstream's id of the subscription.
        subscription: Where to; None only in one that cannot be read (`Decoded.flaws` says why).
        variables: Values for the templates.
        not_before: Not sent before this moment.
    """

    id: Id
    subscription: Subscription | None = None
    variables: dict[str, Scalar] | None = None
    not_before: Moment | None = None

    def __repr__(self) -> str:
        return f"Recipient({self.id!r})"


class LaterRecipient(Recipient, frozen=True, omit_defaults=True, kw_only=True):
    """A recipient in a tier record, with all that its due time and retries depend on.

    Attributes:
        subscription: Where to.
        number: Its place in the campaign's slice, counted from 0; None where there is no slice.
        attempts: Requests made so far.
        due_at: Its own due time, written once `not_before` was moved by a retry: `ttl` counts from here.
    """

    subscription: Subscription
    attempts: Count
    number: Count | None = None
    due_at: Moment | None = None


class Slice(Struct, frozen=True):
    """Which part of a campaign of `total` recipients a record holds: from number `first`, counted from 0."""

    first: Count
    total: Annotated[int, Meta(ge=1, lt=2**53)]


class SendJob(Struct, frozen=True, omit_defaults=True):
    """The value of a record in `push.jobs` and `push.jobs.urgent`; ARCHITECTURE.md: SendJob."""

    v: Literal[1]
    job_id: Id
    campaign_id: Id
    site_id: Id
    recipients: Annotated[list[Recipient], Meta(min_length=1, max_length=RECIPIENTS_MAX)]
    vapid_key: Id | None = None
    notification: Notification | None = None
    payload: str | None = None
    mutable: bool | None = None
    ttl: Ttl = TTL_DEFAULT
    urgency: Urgency = Urgency.NORMAL
    topic: Topic | None = None
    start_at: Moment | None = None
    stretch_time: Seconds | None = None
    not_after: Moment | None = None
    slice: Slice | None = None

    def __repr__(self) -> str:
        return f"SendJob({self.job_id!r}, {len(self.recipients)} recipients)"


class LaterJob(SendJob, frozen=True, omit_defaults=True, kw_only=True):
    """The value of a record in a tier: a job that stands for itself, whenever it comes out."""

    recipients: Annotated[list[LaterRecipient], Meta(min_length=1, max_length=RECIPIENTS_MAX)]  # type: ignore[assignment]
    start_at: Moment
    stretch_time: Seconds
    ttl: Ttl
    lane: Lane


@dataclass(frozen=True, slots=True)
class Decoded:
    """A valid job, and the flaws of the recipients that cannot be sent to, by their index."""

    job: SendJob
    flaws: dict[int, str] = field(default_factory=dict)


class _ReadableRecipient(Recipient, frozen=True, kw_only=True):
    subscription: Subscription


class _StrictJob(SendJob, frozen=True, kw_only=True):
    recipients: Annotated[list[_ReadableRecipient], Meta(min_length=1, max_length=RECIPIENTS_MAX)]  # type: ignore[assignment]


class _LenientJob(SendJob, frozen=True, kw_only=True):
    recipients: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=RECIPIENTS_MAX)]  # type: ignore[assignment]


class _OnlyId(Struct):
    id: Id


class _OnlyVersion(Struct):
    v: Literal[1]


_Shape = TypeVar("_Shape")
_decode_strictly = msgspec.json.Decoder(_StrictJob).decode
_decode_leniently = msgspec.json.Decoder(_LenientJob).decode
_decode_later = msgspec.json.Decoder(LaterJob).decode
_decode_recipient = msgspec.json.Decoder(_ReadableRecipient).decode
_decode_id = msgspec.json.Decoder(_OnlyId).decode
_decode_version = msgspec.json.Decoder(_OnlyVersion).decode
decode_notification = msgspec.json.Decoder(Notification).decode
"""What `encode_json` has made of a notification, back again."""

_FLAWS = ("subscription", "variables", "not_before")


def decode_job(value: bytes) -> Decoded:
    """Read and check a record of `push.jobs` or `push.jobs.urgent`.

    A recipient that cannot be read is kept by its id and listed in `flaws`; one without a readable id makes
    the whole job invalid, since no outcome could name it.

    Raises:
        RecordError: Not JSON, an unknown `v`, or a field that is missing or wrong.
    """
    try:
        decoded = Decoded(_read(_decode_strictly, value))
    except msgspec.ValidationError:
        decoded = _decode_around_flaws(value)
    return _checked(decoded)


def decode_later(value: bytes) -> Decoded:
    """Read and check a record of a tier; `Decoded.job` is a `LaterJob`.

    Raises:
        RecordError: As `decode_job`; a recipient that cannot be read makes the whole record invalid, since
            pushmill itself wrote it.
    """
    try:
        return _checked(Decoded(_read(_decode_later, value)))
    except msgspec.ValidationError as error:
        raise _job_error(error, value) from None


def says_urgent(value: bytes) -> bool:
    """Whether a record of a tier is of the urgent lane, without reading all of it.

    `lane` is what `encode_json` writes last; in JSON these bytes at its end can be nothing else. A record
    that somebody else wrote otherwise just has to wait like any other.
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
    try:
        lenient = _read(_decode_leniently, value)
    except msgspec.ValidationError as error:
        raise _job_error(error, value) from None
    recipients: list[Recipient] = []
    flaws: dict[int, str] = {}
    for index, raw in enumerate(lenient.recipients):
        recipient, flaw = _read_recipient(raw, index)
        recipients.append(recipient)
        if flaw:
            flaws[index] = flaw
    fields = {name: getattr(lenient, name) for name in SendJob.__struct_fields__}
    return Decoded(SendJob(**{**fields, "recipients": recipients}), flaws)


def _read_recipient(raw: msgspec.Raw, index: int) -> tuple[Recipient, str | None]:
    try:
        return _read(_decode_recipient, raw), None
    except msgspec.ValidationError as error:
        wrong, _ = field_and_problem(error)
    try:
        return Recipient(_read(_decode_id, raw).id), _flaw(wrong)
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
        error = other  # another version may differ in anything else, too
    name, problem = field_and_problem(error)
    if name == "v":
        return RecordError("unsupported_version", f"v: {problem}; this version of pushmill knows 1 alone")
    return RecordError("bad_field", f"{name or 'value'}: {problem}")


def _checked(decoded: Decoded) -> Decoded:
    job = decoded.job
    if (job.notification is None) == (job.payload is None):
        raise RecordError("bad_field", "notification: exactly one of notification and payload must be given")
    if job.notification and job.notification.renotify and not job.notification.tag:
        raise RecordError("bad_field", "notification.renotify: needs notification.tag")
    if job.notification and _is_deeper(job.notification.data, DATA_MAX_DEPTH):
        raise RecordError("bad_field", f"notification.data: is nested deeper than {DATA_MAX_DEPTH} levels")
    if job.slice and job.slice.first + len(job.recipients) > job.slice.total:
        raise RecordError("bad_field", "slice.total: is less than first + the number of recipients")
    return decoded


def _is_deeper(value: Any, levels: int) -> bool:
    # What is read here is written again from other places in the program: it must not fail there.
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return not levels or any(_is_deeper(item, levels - 1) for item in items)


RECIPIENT_MAX_BYTES = 131_072
"""Of one recipient as JSON: with its job and its headers it must fit a record of a tier."""


def oversized(decoded: Decoded, size: int) -> dict[int, str]:
    """Find recipients that are too large to be written again, by their index.

    Args:
        decoded: A job.
        size: Of its record's value in bytes. In a small one nobody is too large: what is written again may be
            longer (`1e15` becomes `1000000000000000.0`), but never by so much that it would not fit.
    """
    if size <= RECIPIENT_MAX_BYTES:
        return {}
    sizes = (len(encode_json(recipient)) for recipient in decoded.job.recipients)
    return {index: "recipient_too_large" for index, size in enumerate(sizes) if size > RECIPIENT_MAX_BYTES}
