"""From a delivery whose turn it is to its request: personalise, encrypt, authorize, build.

Decides what is wrong with a delivery that cannot become one; knows nothing of queues or connections.
"""

from collections.abc import Callable
from typing import Protocol

from crypto.aes128gcm import encrypt
from crypto.errors import PayloadTooLargeError, SubscriptionKeyError
from crypto.keys import EphemeralKey, SubscriptionKeys, parse_subscription_keys
from crypto.vapid import TokenCache, VapidKey
from worker.delivery import Delivery, Flight
from worker.job import Recipient
from worker.outcome import Settled, Status
from worker.personalise import BadNotificationError
from worker.request import PushRequest, build_request
from worker.schedule import ttl_left


class Keys(Protocol):
    """Where the sites' VAPID keys come from."""

    def for_site(self, vapid_key: str | None, site_id: str) -> VapidKey | None:
        """The key that a job names, or its site's, or the default; None where there is none."""


class Entropy(Protocol):
    """Where randomness comes from: fresh for each message (RFC 8291 section 3.1)."""

    def salt(self) -> bytes:
        """16 unpredictable bytes."""

    def ephemeral_key(self) -> EphemeralKey:
        """A new P-256 key pair."""

    def jitter(self) -> float:
        """Uniform in [0, 1)."""


class Press:
    """Makes requests; `stopwatch` and `on_encrypted` are for the duration of encryption, in seconds."""

    def __init__(
        self,
        keys: Keys,
        tokens: TokenCache,
        entropy: Entropy,
        stopwatch: Callable[[], float],
        on_encrypted: Callable[[float], None],
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._entropy = entropy
        self._stopwatch = stopwatch
        self._on_encrypted = on_encrypted

    def request(self, delivery: Delivery, now: float) -> Flight | Settled:
        """Make a delivery's request, or say why it cannot be sent.

        Args:
            delivery: Whose turn it is.
            now: Seconds since the epoch: `TTL` is what is left of its life.
        """
        sent = delivery.job.job
        key = self._keys.for_site(sent.vapid_key, sent.site_id)
        if key is None:
            return Settled(Status.INVALID, "no_vapid_key")
        try:
            body = self._body(delivery)
        except SubscriptionKeyError:
            return Settled(Status.INVALID, "bad_keys")
        except BadNotificationError:
            return Settled(Status.REJECTED, "bad_notification")
        except PayloadTooLargeError:
            return Settled(Status.REJECTED, "payload_too_large")
        except Exception:  # noqa: BLE001 - whatever is in a recipient, it costs only itself
            return Settled(Status.REJECTED, "internal_error")
        ttl = ttl_left(delivery.job.plan, delivery.due, now)
        return Flight(delivery, self._build(delivery, key, body, ttl, now), ttl, now)

    def _body(self, delivery: Delivery) -> bytes:
        keys = _keys_of(delivery.recipient)
        text = delivery.job.message.render(delivery.recipient)
        if not text:
            return b""
        began = self._stopwatch()
        body = encrypt(text, keys, self._entropy.ephemeral_key(), self._entropy.salt())
        self._on_encrypted(self._stopwatch() - began)
        return body

    def _build(self, delivery: Delivery, key: VapidKey, body: bytes, ttl: int, now: float) -> PushRequest:
        sent = delivery.job.job
        return build_request(
            delivery.endpoint,
            authorization=self._tokens.authorization(key, delivery.endpoint.origin.url, now),
            body=body,
            content_type=delivery.job.message.content_type,
            ttl=ttl,
            urgency=sent.urgency,
            topic=sent.topic,
        )


def _keys_of(recipient: Recipient) -> SubscriptionKeys:
    if recipient.subscription is None:
        raise SubscriptionKeyError("keys", "are missing")
    return parse_subscription_keys(recipient.subscription.keys.p256dh, recipient.subscription.keys.auth)
