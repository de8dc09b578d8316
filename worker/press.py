"""From the deliveries whose turn it is to their requests: personalise, encrypt, authorize, build.

Decides what is wrong with a delivery that cannot become one; knows nothing of queues or connections.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

from crypto.aes128gcm import encrypt
from crypto.errors import PayloadTooLargeError, SubscriptionKeyError
from crypto.keys import EphemeralKey, SubscriptionKeys, parse_subscription_keys
from crypto.vapid import TokenCache, VapidKey
from worker.delivery import Delivery, Flight, JobInHand
from worker.job import Recipient
from worker.outcome import Settled, Status
from worker.personalise import BadNotificationError
from worker.request import PushHeaders, PushRequest, push_headers
from worker.schedule import ttl_left


class Keys(Protocol):
    """Where the sites' VAPID keys come from."""

    def for_site(self, vapid_key: str | None, site_id: str) -> VapidKey | None:
        """The key that a job names, or its site's, or the default; None where there is none."""


class Entropy(Protocol):
    """Where randomness comes from: fresh for each message (RFC 8291 section 3.1)."""

    def salts(self, count: int) -> list[bytes]:
        """16 unpredictable bytes for each of so many messages."""

    def ephemeral_keys(self, count: int) -> list[EphemeralKey]:
        """A new P-256 key pair for each of so many messages."""

    def jitter(self) -> float:
        """Uniform in [0, 1)."""


class _Plain(NamedTuple):
    """What is to be sent to one recipient, before it is encrypted."""

    text: bytes
    keys: SubscriptionKeys
    vapid_key: VapidKey


_Shared = dict[tuple[JobInHand, str, int, bool], PushHeaders]
"""Headers by what decides them at one moment: job, origin, TTL, and whether there is a body."""


class Press:
    """Makes requests; `stopwatch` and `on_encrypted` are for the durations of encryptions.

    `on_encrypted` is called with the seconds that one took, and for how many that is the mean.
    """

    def __init__(
        self,
        keys: Keys,
        tokens: TokenCache,
        entropy: Entropy,
        stopwatch: Callable[[], float],
        on_encrypted: Callable[[float, int], None],
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._entropy = entropy
        self._stopwatch = stopwatch
        self._on_encrypted = on_encrypted

    def requests(self, deliveries: Sequence[Delivery], now: float) -> list[Flight | Settled]:
        """Make deliveries' requests, or say of each why it cannot be sent, in their order.

        One step for all of them, then the next one: in a row, each finds its code and tables in warm caches.

        Args:
            deliveries: Whose turn it is.
            now: Seconds since the epoch: `TTL` is what is left of their lives.
        """
        plains = [
            self._plain(delivery, vapid_key)
            for job, together in groupby(deliveries, _job)
            for vapid_key in [self._keys.for_site(job.job.vapid_key, job.job.site_id)]
            for delivery in together
        ]
        bodies = self._encrypted([each for each in plains if isinstance(each, _Plain) and each.text])
        headers: _Shared = {}
        return [
            self._finished(delivery, plain, bodies, headers, now)
            for delivery, plain in zip(deliveries, plains, strict=True)
        ]

    def _plain(self, delivery: Delivery, vapid_key: VapidKey | None) -> _Plain | Settled:
        if vapid_key is None:
            return Settled(Status.INVALID, "no_vapid_key")
        recipient = delivery.recipient
        try:
            keys = _keys_of(recipient)
            return _Plain(delivery.job.message.render(recipient), keys, vapid_key)
        except SubscriptionKeyError:
            return Settled(Status.INVALID, "bad_keys")
        except BadNotificationError:
            return Settled(Status.REJECTED, "bad_notification")
        except PayloadTooLargeError:
            return Settled(Status.REJECTED, "payload_too_large")
        except Exception:  # noqa: BLE001 - whatever is in a recipient, it costs only itself
            return _INTERNAL_ERROR

    def _encrypted(self, plains: list[_Plain]) -> Iterator[bytes | Settled]:
        count = len(plains)
        if not count:
            return iter(())
        began = self._stopwatch()
        fresh = zip(plains, self._entropy.ephemeral_keys(count), self._entropy.salts(count), strict=True)
        bodies = [_body(plain, ephemeral, salt) for plain, ephemeral, salt in fresh]
        self._on_encrypted((self._stopwatch() - began) / count, count)
        return iter(bodies)

    def _finished(
        self,
        delivery: Delivery,
        plain: _Plain | Settled,
        bodies: Iterator[bytes | Settled],
        shared: _Shared,
        now: float,
    ) -> Flight | Settled:
        if isinstance(plain, Settled):
            return plain
        body = next(bodies) if plain.text else b""
        if isinstance(body, Settled):
            return body
        job, endpoint = delivery.job, delivery.endpoint
        ttl = ttl_left(job.plan, delivery.due, now)
        place = (job, endpoint.origin.url, ttl, bool(body))
        headers = shared.get(place)
        if headers is None:
            headers = shared[place] = push_headers(
                endpoint.origin.service,
                authorization=self._tokens.authorization(plain.vapid_key, endpoint.origin.url, now),
                content_type=job.message.content_type if body else None,
                ttl=ttl,
                urgency=job.job.urgency,
                topic=job.job.topic,
            )
        return Flight(delivery, PushRequest(endpoint, headers, body), ttl, now)


def _job(delivery: Delivery) -> JobInHand:
    return delivery.job


_INTERNAL_ERROR = Settled(Status.REJECTED, "internal_error")


def _keys_of(recipient: Recipient) -> SubscriptionKeys:
    if recipient.subscription is None:
        raise SubscriptionKeyError("keys", "are missing")
    return parse_subscription_keys(recipient.subscription.keys.p256dh, recipient.subscription.keys.auth)


def _body(plain: _Plain, ephemeral: EphemeralKey, salt: bytes) -> bytes | Settled:
    try:
        return encrypt(plain.text, plain.keys, ephemeral, salt)
    except Exception:  # noqa: BLE001 - whatever is in a recipient, it costs only itself
        return _INTERNAL_ERROR
