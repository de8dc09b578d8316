"""Recipients of a send job: their types on the wire, and the form in which a tier record carries them.

Decides what one recipient consists of; knows nothing of the job around it.
"""

import msgspec
from msgspec import Struct

from worker.records.tolerance import tolerated
from worker.records.values import Count, Id, Moment, RecordError, Scalar, decode_value

_TO_BASE64URL = str.maketrans("+/", "-_", "=\r\n")

# `gc=False`: a full buffer holds 60,000 of each, which collections would walk through for nothing. They hold
# texts, scalars and each other, and so make no cycles.


class EncodedKeys(Struct, frozen=True, gc=False):
    """A subscription's keys, base64url; ordinary base64 is taken, too."""

    p256dh: str
    auth: str

    def __repr__(self) -> str:
        return "EncodedKeys(…)"


class Subscription(Struct, frozen=True, gc=False):
    """What the browser's `PushSubscription.toJSON()` gives."""

    endpoint: str
    keys: EncodedKeys

    def __repr__(self) -> str:
        return "Subscription(…)"


class Recipient(Struct, frozen=True, omit_defaults=True, gc=False):
    """One recipient.

    Attributes:
        id: Upstream's id of the subscription.
        subscription: What the browser's `PushSubscription.toJSON()` gives, stored as it is.
        variables: Values for the templates; names are `[A-Za-z0-9_]+`. One that is null is missing.
        not_before: Not due before this moment.
    """

    id: Id
    subscription: Subscription
    variables: dict[str, Scalar | None] | None = None
    not_before: Moment | None = None

    def __repr__(self) -> str:
        return f"Recipient({self.id!r})"


class Unreadable(Struct, frozen=True, gc=False):
    """A recipient that ends as `invalid` because its part of the record cannot be used.

    Attributes:
        id: Upstream's id of the subscription.
        flaw: The `detail` of its outcome.
    """

    id: str
    flaw: str


class LaterRecipient(Recipient, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A recipient in a tier record, with all that its due time and retries depend on.

    Attributes:
        number: Its place in the job as that was produced; none without a slice if 0.1.0 wrote the record.
        attempts: Requests made so far.
        due_at: Its own due time, written once `not_before` was moved by a retry: `ttl` counts from here.
        doubted: Whether its subscription was called gone before, and doubted.
        keyless_since: When the key that its job names was first found missing.
    """

    subscription: Subscription  # declared again to keep its place in JSON, behind the inherited fields
    attempts: Count
    number: Count | None = None
    due_at: Moment | None = None
    doubted: bool = False
    keyless_since: Moment | None = None


_decode_strictly = msgspec.json.Decoder(Subscription)


def decode_subscription(value: bytes) -> Subscription:
    """Read a subscription that a browser gave, as tolerantly as those in a job.

    Raises:
        RecordError: The value is not a subscription; the text names the field.
    """
    try:
        return decode_value(_decode_strictly, value)
    except RecordError:
        return decode_value(_decode_strictly, tolerated(value, Subscription))


# ── what tier records carry ─────────────────────────────────────────────────────────────────────────────────
# During a rollout an older worker may read them, which takes base64url alone, and no variable that is null.


def in_base64url(subscription: Subscription) -> Subscription:
    """Return a subscription whose keys are in base64url, without padding."""
    keys = subscription.keys
    both = keys.p256dh + keys.auth
    if "+" not in both and "/" not in both and "=" not in both and "\n" not in both and "\r" not in both:
        return subscription
    rewritten = (key.translate(_TO_BASE64URL) for key in (keys.p256dh, keys.auth))
    return Subscription(subscription.endpoint, EncodedKeys(*rewritten))


def without_nulls(variables: dict[str, Scalar | None] | None) -> dict[str, Scalar | None] | None:
    """Return a recipient's variables without those that are null, which are missing anyway."""
    if not variables or None not in variables.values():
        return variables
    return {name: value for name, value in variables.items() if value is not None}
