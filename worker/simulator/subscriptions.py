"""The subscriptions of a simulated push service, looked up by the raw target of a request."""

import base64
import hashlib
import math
import secrets
from collections.abc import Callable

import msgspec

from crypto.keys import ReceiverKeys, generate_receiver_keys
from worker.simulator.profiles import Profile
from worker.simulator.rules import Known


class Subscription(msgspec.Struct, frozen=True):
    """One subscription as the browser sees it.

    Attributes:
        number: Its number in the service, from 0.
        token: The unique part of its endpoint, as in the URL, never decoded.
        endpoint: Absolute URL.
        receiver: The browser's keys; many subscriptions may share one pair.
        known: What the service knows about it.
    """

    number: int
    token: str
    endpoint: str
    receiver: ReceiverKeys
    known: Known

    def to_json(self) -> dict[str, object]:
        """Return what the browser's ``PushSubscription.toJSON()`` returns; times are in milliseconds."""
        expires_at = self.known.expires_at
        return {
            "endpoint": self.endpoint,
            "expirationTime": None if math.isinf(expires_at) else int(expires_at * 1000),
            "keys": {"p256dh": self.receiver.p256dh, "auth": self.receiver.auth_text},
        }


class Subscriptions:
    """All subscriptions of one service.

    Tokens are derived from ``seed`` and the subscription's number, so that a run with faults can be repeated.
    Key pairs are made as needed until there are ``key_pairs``, and then reused in turn: making 20,000 takes
    longer than most tests.
    """

    def __init__(self, profile: Profile, origin: str, *, key_pairs: int, seed: int | None) -> None:
        self._profile = profile
        self._origin = origin
        self._key_pairs = key_pairs
        self._seed = secrets.token_hex(8) if seed is None else str(seed)
        self._pool: list[ReceiverKeys] = []
        self._by_target: dict[bytes, Subscription] = {}
        self._by_token: dict[str, Subscription] = {}
        self.tokens: list[str] = []

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, *, vapid_public_key: str = "", expires_at: float = math.inf) -> Subscription:
        """Make a subscription, restricted to a VAPID key (base64url) unless that is empty."""
        number = len(self.tokens)
        token = TOKENS[self._profile.name](f"{self._seed}:{self._profile.name}:{number}")
        target = self._profile.prefix + token
        known = Known(vapid_public_key, expires_at)
        subscription = Subscription(number, token, self._origin + target, self._receiver(number), known)
        self._by_target[target.encode()] = self._by_token[token] = subscription
        self.tokens.append(token)
        return subscription

    def at(self, target: bytes) -> Subscription | None:
        """Return the subscription of a request's raw target, which must match byte for byte."""
        return self._by_target.get(target)

    def named(self, name: "str | Subscription") -> Subscription:
        """Return the subscription of a token or an endpoint.

        Raises:
            KeyError: There is none.
        """
        if isinstance(name, Subscription):
            return name
        return self._by_token[name.removeprefix(self._origin + self._profile.prefix)]

    def _receiver(self, number: int) -> ReceiverKeys:
        if len(self._pool) < self._key_pairs:
            self._pool.append(generate_receiver_keys())
        return self._pool[number % len(self._pool)]


def _random_text(subject: str, size: int) -> str:
    return base64.urlsafe_b64encode(hashlib.shake_128(subject.encode()).digest(size)).decode().rstrip("=")


def _fcm_token(subject: str) -> str:
    text = _random_text(subject, 109)
    return f"{text[:11]}:APA91b{text[11:145]}"


def _mozilla_token(subject: str) -> str:
    return f"gAAAAAB{_random_text(subject, 120)}"


def _wns_token(subject: str) -> str:
    # Real ones are percent-encoded base64; these always contain all three characters that it encodes.
    text = _random_text(subject, 90)
    return f"BQYAAAD{text[:40]}%2f{text[40:80]}%2b{text[80:]}%3d"


def _apple_token(subject: str) -> str:
    return f"Q{_random_text(subject, 130)}"


TOKENS: dict[str, Callable[[str], str]] = {
    "fcm": _fcm_token,
    "mozilla": _mozilla_token,
    "wns": _wns_token,
    "apple": _apple_token,
}
"""What each service's tokens look like; senders must not interpret them."""
