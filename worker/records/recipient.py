"""Recipients of a send job: their types on the wire.

Decides what one recipient consists of; knows nothing of the job around it.
"""

from msgspec import Struct

from worker.records.values import Count, Id, Moment, Scalar


class EncodedKeys(Struct, frozen=True):
    """A subscription's keys, base64url."""

    p256dh: str
    auth: str

    def __repr__(self) -> str:
        return "EncodedKeys(…)"


class Subscription(Struct, frozen=True):
    """What the browser's `PushSubscription.toJSON()` gives."""

    endpoint: str
    keys: EncodedKeys

    def __repr__(self) -> str:
        return "Subscription(…)"


class Recipient(Struct, frozen=True, omit_defaults=True):
    """One recipient.

    Attributes:
        id: Upstream's id of the subscription.
        subscription: What the browser's `PushSubscription.toJSON()` gives, stored as it is.
        variables: Values for the templates; names are `[A-Za-z0-9_]+`.
        not_before: Not due before this moment.
    """

    id: Id
    subscription: Subscription
    variables: dict[str, Scalar] | None = None
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


class LaterRecipient(Recipient, frozen=True, omit_defaults=True, kw_only=True):
    """A recipient in a tier record, with all that its due time and retries depend on.

    Attributes:
        number: Its place in the campaign's slice, counted from 0; None where there is no slice.
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
