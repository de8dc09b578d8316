"""Tokens that browsers hold: one for each push, and one for each subscriber.

Both are 25 bytes, 34 characters of base64url: the id of a key, two numbers, and a MAC over these. They say
who reports an event without a login, and cannot be made up. The two kinds have keys of their own, so that
neither passes for the other.
"""

import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from campaigns.model.secrets import Key, Keys
from crypto import base64url

TOKEN_LENGTH = 34
"""Characters of either token."""

_LAST = "AQgw"
"""How a token can end: 25 bytes leave four bits of its last character unused, which must be zero."""

_OWNER_BYTES = 5
_SUBSCRIBER_BYTES = 7
_MAC_BYTES = 12
_SIGNED_BYTES = 1 + _OWNER_BYTES + _SUBSCRIBER_BYTES


class RecipientToken(NamedTuple):
    """What a push's token `t` says: the numbers of its launch and of its recipient."""

    launch: int
    subscriber: int


class SubscriberToken(NamedTuple):
    """What a subscriber's own token says: the numbers of its site and of itself."""

    site: int
    subscriber: int


def recipient_token(key: Key, launch: int, subscriber: int) -> str:
    """Make the token of one push. The key is one for `Purpose.RECIPIENT_TOKEN`."""
    return _sign(key, launch, subscriber)


def recipient_tokens(key: Key, launch: int, subscribers: Iterable[int]) -> list[str]:
    """Make the tokens of many pushes of a launch, as `recipient_token` does; what they share is done once."""
    shared = bytes([key.id]) + launch.to_bytes(_OWNER_BYTES)
    begun = _keyed(key.bytes).copy()
    begun.update(shared)
    tokens = []
    for subscriber in subscribers:
        number, mac = subscriber.to_bytes(_SUBSCRIBER_BYTES), begun.copy()
        mac.update(number)
        tokens.append(shared + number + mac.finalize()[:_MAC_BYTES])
    return base64url.encode_all(tokens)


def read_recipient_token(keys: Keys, text: str) -> RecipientToken | None:
    """Read what `recipient_token` has made; None if it is anything else."""
    numbers = _verify(keys, text)
    return RecipientToken(*numbers) if numbers else None


def subscriber_token(key: Key, site: int, subscriber: int) -> str:
    """Make a subscriber's own token. The key is one for `Purpose.SUBSCRIBER_TOKEN`."""
    return _sign(key, site, subscriber)


def read_subscriber_token(keys: Keys, text: str) -> SubscriberToken | None:
    """Read what `subscriber_token` has made; None if it is anything else."""
    numbers = _verify(keys, text)
    return SubscriberToken(*numbers) if numbers else None


def _sign(key: Key, owner: int, subscriber: int) -> str:
    signed = bytes([key.id]) + owner.to_bytes(_OWNER_BYTES) + subscriber.to_bytes(_SUBSCRIBER_BYTES)
    return base64url.encode(signed + _mac(key.bytes, signed))


def _mac(key: bytes, signed: bytes) -> bytes:
    """Return HMAC-SHA256 (RFC 2104), cut."""
    mac = _keyed(key).copy()
    mac.update(signed)
    return mac.finalize()[:_MAC_BYTES]


@lru_cache(maxsize=64)
def _keyed(key: bytes) -> HMAC:
    """Begin a MAC; a copy takes a third of the time, because the key's part is done once."""
    return HMAC(key, SHA256())


def _verify(keys: Keys, text: str) -> tuple[int, int] | None:
    if len(text) != TOKEN_LENGTH or text[-1] not in _LAST:
        return None
    try:
        raw = base64url.decode(text)
    except ValueError:
        return None
    signed, mac = raw[:_SIGNED_BYTES], raw[_SIGNED_BYTES:]
    key = keys.get(signed[0])
    if key is None or not hmac.compare_digest(_mac(key, signed), mac):
        return None
    owner, subscriber = signed[1 : 1 + _OWNER_BYTES], signed[1 + _OWNER_BYTES :]
    return int.from_bytes(owner), int.from_bytes(subscriber)
