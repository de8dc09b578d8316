"""Build the requests of deliveries whose turn it is: render, encrypt, authorize, add headers.

Decides why a delivery cannot become a request; knows nothing of queues or connections.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from msgspec import Struct

from crypto.aes128gcm import encrypt
from crypto.agreement.interface import Agreed, Agreement
from crypto.errors import PayloadTooLargeError, SubscriptionKeyError
from crypto.keys import SubscriptionKeys, check_point, decode_subscription_keys
from crypto.vapid import TokenCache, VapidKey
from worker.pipeline.delivery import Delivery, Flight, JobContext
from worker.push.request import PushHeaders, PushRequest, push_headers
from worker.push.template import BadNotificationError
from worker.push.verdict import Settled
from worker.records.outcome import Status
from worker.timing.schedule import ttl_left


class VapidKeys(Protocol):
    """Source of the sites' VAPID keys."""

    def for_site(self, vapid_key: str | None, site_id: str) -> VapidKey | None:
        """Return the key that a job names, else its site's, else the default; None if there is none."""


class Entropy(Protocol):
    """Source of randomness, fresh for each message (RFC 8188, section 2.1)."""

    def salts(self, count: int) -> list[bytes]:
        """Return 16 unpredictable bytes for each of `count` messages."""

    def jitter(self) -> float:
        """Return a uniformly distributed number in [0, 1)."""


class _Plain(Struct, frozen=True, eq=False, gc=False):
    """One recipient's message before encryption."""

    delivery: Delivery
    vapid_key: VapidKey
    keys: SubscriptionKeys
    text: bytes

    def __repr__(self) -> str:
        return f"_Plain({self.delivery!r}, {len(self.text)} bytes)"


class RequestBuilder:
    """Builds requests; `stopwatch` and `on_encrypted` measure how long encryption takes.

    `on_encrypted` is called with the mean number of seconds a message took, and the number of messages.
    """

    def __init__(
        self,
        keys: VapidKeys,
        tokens: TokenCache,
        agreement: Agreement,
        entropy: Entropy,
        *,
        stopwatch: Callable[[], float],
        on_encrypted: Callable[[float, int], None],
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._agreement = agreement
        self._entropy = entropy
        self._stopwatch = stopwatch
        self._on_encrypted = on_encrypted

    def requests(self, deliveries: Sequence[Delivery], now: float) -> list[Flight | Settled]:
        """Build a request for each delivery, or find why it cannot be sent, in the same order.

        Each step runs for all of them before the next step, so that it finds its code and tables in warm
        caches.

        Args:
            deliveries: Those whose turn it is.
            now: Seconds since the epoch; `TTL` is the time left until a message lapses.
        """
        plains = [
            _plain(delivery, vapid_key)
            for job, together in groupby(deliveries, _job)
            for vapid_key in [self._keys.for_site(job.job.vapid_key, job.job.site_id)]
            for delivery in together
        ]
        bodies = self._encrypted([each for each in plains if isinstance(each, _Plain) and each.text])
        departure = _Departure(self._tokens, now)
        return [
            each if isinstance(each, Settled) else departure.flight(each, next(bodies) if each.text else b"")
            for each in plains
        ]

    def _encrypted(self, plains: list[_Plain]) -> Iterator[bytes | Settled]:
        """Return the bodies in order, or why there is none."""
        count = len(plains)
        if not count:
            return iter(())
        began = self._stopwatch()
        agreed = self._agreement.agree([each.keys.p256dh for each in plains])
        salts = self._entropy.salts(count)
        bodies = [_body(*each) for each in zip(plains, agreed, salts, strict=True)]
        self._on_encrypted((self._stopwatch() - began) / count, count)
        return iter(bodies)


class _Departure:
    """Builds the requests of one moment; those with the same job, origin and TTL share their headers."""

    def __init__(self, tokens: TokenCache, now: float) -> None:
        self._tokens = tokens
        self._now = now
        self._headers: dict[tuple[JobContext, str, int], PushHeaders] = {}

    def flight(self, plain: _Plain, body: bytes | Settled) -> Flight | Settled:
        if isinstance(body, Settled):
            return body
        delivery = plain.delivery
        job, endpoint = delivery.job, delivery.endpoint
        ttl = ttl_left(job.plan, delivery.due, self._now)
        shared = (job, endpoint.origin.url, ttl)
        headers = self._headers.get(shared)
        if headers is None:
            headers = self._headers[shared] = self._make_headers(plain, ttl)
        return Flight(delivery, PushRequest(endpoint, headers, body), ttl, self._now)

    def _make_headers(self, plain: _Plain, ttl: int) -> PushHeaders:
        job, origin = plain.delivery.job, plain.delivery.endpoint.origin
        return push_headers(
            origin.service,
            authorization=self._tokens.authorization(plain.vapid_key, origin.url, self._now),
            content_type=job.message.content_type if plain.text else None,
            ttl=ttl,
            urgency=job.job.urgency,
            topic=job.job.topic,
        )


_job = attrgetter("job")

NO_VAPID_KEY = Settled(Status.INVALID, "no_vapid_key")
_BAD_KEYS = Settled(Status.INVALID, "bad_keys")
_TOO_LARGE = Settled(Status.REJECTED, "payload_too_large")
_INTERNAL_ERROR = Settled(Status.REJECTED, "internal_error")


def _plain(delivery: Delivery, vapid_key: VapidKey | None) -> _Plain | Settled:
    recipient = delivery.recipient
    subscription = recipient.subscription
    if vapid_key is None:
        return NO_VAPID_KEY
    try:
        keys = decode_subscription_keys(subscription.keys.p256dh, subscription.keys.auth)
        text = delivery.job.message.render(recipient)
        if not text:
            check_point(keys)  # nothing is encrypted, so no key agreement will
        return _Plain(delivery, vapid_key, keys, text)
    except SubscriptionKeyError:
        return _BAD_KEYS
    except BadNotificationError as error:
        return Settled(Status.REJECTED, error.detail)
    except PayloadTooLargeError:
        return _TOO_LARGE
    except Exception:  # noqa: BLE001 - a bad recipient must cost only itself
        return _INTERNAL_ERROR


def _body(plain: _Plain, agreed: Agreed | None, salt: bytes) -> bytes | Settled:
    if agreed is None:
        return _BAD_KEYS
    try:
        return encrypt(plain.text, plain.keys, agreed, salt)
    except Exception:  # noqa: BLE001 - a bad recipient must cost only itself
        return _INTERNAL_ERROR
