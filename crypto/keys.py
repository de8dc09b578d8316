"""The receiver's P-256 keys, as subscriptions carry them and as browsers keep them (RFC 8291, section 3).

The sender's are made in `crypto.agreement`, for one message each.

Private keys and auth secrets never appear in a repr.
"""

import os
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from crypto import base64url
from crypto.errors import SubscriptionKeyError

POINT_LENGTH = 65
AUTH_LENGTH = 16
_SCALAR_LENGTH = 32

# Attribute look-ups on the enums cost as much as a hash in the hot path, so they are done once.
_CURVE = SECP256R1()
_X962 = Encoding.X962
_UNCOMPRESSED = PublicFormat.UncompressedPoint


class SubscriptionKeys(Struct, frozen=True, gc=False):
    """A subscription's keys, decoded.

    Attributes:
        p256dh: the receiver's public key, 65 bytes, the first of them 0x04: uncompressed (X9.62). Only
            `parse_subscription_keys`, or a key agreement, has found out whether it is a point on P-256.
        auth: the authentication secret, 16 bytes.
    """

    p256dh: bytes
    auth: bytes

    def __repr__(self) -> str:
        return f"SubscriptionKeys(p256dh={self.p256dh!r})"


@dataclass(frozen=True, slots=True)
class ReceiverKeys:
    """The browser's keys for a subscription: for tests and simulated push services.

    Attributes:
        private_key: the private half.
        public: the public half, 65 bytes, uncompressed (X9.62).
        auth: the authentication secret, 16 bytes.
    """

    private_key: EllipticCurvePrivateKey = field(repr=False)
    public: bytes
    auth: bytes = field(repr=False)

    @classmethod
    def from_bytes(cls, secret: bytes) -> Self:
        """Make the keys from the result of `to_bytes`, or from 48 bytes chosen by a test.

        Args:
            secret: 48 bytes, the private number (big-endian, 32) followed by the auth secret (16).

        Raises:
            ValueError: not 48 bytes, or a number outside 1 to n - 1.
        """
        if len(secret) != _SCALAR_LENGTH + AUTH_LENGTH:
            raise ValueError("receiver keys must be 48 bytes")
        private_key = derive_private_key(int.from_bytes(secret[:_SCALAR_LENGTH]), _CURVE)
        return cls(private_key, public_point(private_key), secret[_SCALAR_LENGTH:])

    def to_bytes(self) -> bytes:
        """Return 48 secret bytes, from which `from_bytes` makes the same keys."""
        scalar = self.private_key.private_numbers().private_value
        return scalar.to_bytes(_SCALAR_LENGTH) + self.auth

    @property
    def p256dh(self) -> str:
        """The public key as a subscription carries it, base64url text."""
        return base64url.encode(self.public)

    @property
    def auth_text(self) -> str:
        """The auth secret as a subscription carries it, base64url text."""
        return base64url.encode(self.auth)


def parse_subscription_keys(p256dh: str, auth: str) -> SubscriptionKeys:
    """Decode and check a subscription's keys (RFC 8291, section 7).

    Args:
        p256dh: base64url text of an uncompressed P-256 point: 65 bytes, the first of them 0x04.
        auth: base64url text of 16 bytes. Both may be ordinary base64 instead, as some servers store them.

    Raises:
        SubscriptionKeyError: one of them is anything else; says which, and what is wrong.
    """
    keys = decode_subscription_keys(p256dh, auth)
    check_point(keys)
    return keys


def decode_subscription_keys(p256dh: str, auth: str) -> SubscriptionKeys:
    """Decode a subscription's keys, as `parse_subscription_keys` does, but leave `check_point` to the caller.

    Whether a point is on the curve takes longer to find out than all the rest, and a key agreement finds out.

    Raises:
        SubscriptionKeyError: see `parse_subscription_keys`.
    """
    point = _decode("p256dh", p256dh)
    if len(point) != POINT_LENGTH:
        raise SubscriptionKeyError("p256dh", f"must be {POINT_LENGTH} bytes, is {len(point)}")
    secret = _decode("auth", auth)
    if len(secret) != AUTH_LENGTH:
        raise SubscriptionKeyError("auth", f"must be {AUTH_LENGTH} bytes, is {len(secret)}")
    if point[0] != 0x04:
        raise SubscriptionKeyError("p256dh", "must start with 0x04, an uncompressed point")
    return SubscriptionKeys(point, secret)


def check_point(keys: SubscriptionKeys) -> None:
    """Check that the receiver's public key is a point on P-256.

    Raises:
        SubscriptionKeyError: it is not.
    """
    try:
        load_point(keys.p256dh)
    except ValueError:
        raise SubscriptionKeyError("p256dh", "is not a point on P-256") from None


def generate_receiver_keys() -> ReceiverKeys:
    """Make a fresh receiver's key pair and auth secret, as a browser does when it subscribes."""
    private_key = generate_private_key(_CURVE)
    return ReceiverKeys(private_key, public_point(private_key), os.urandom(AUTH_LENGTH))


def load_point(point: bytes) -> EllipticCurvePublicKey:
    """Make a public key from an encoded P-256 point (X9.62).

    Raises:
        ValueError: not a point on the curve, or the point at infinity.
    """
    return EllipticCurvePublicKey.from_encoded_point(_CURVE, point)


def public_point(private_key: EllipticCurvePrivateKey) -> bytes:
    """Return the public half of a key, 65 bytes, uncompressed (X9.62)."""
    return private_key.public_key().public_bytes(_X962, _UNCOMPRESSED)


def _decode(name: str, text: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError:
        return _decode_ordinary(name, text)


def _decode_ordinary(name: str, text: str) -> bytes:
    try:
        return base64url.decode_any(text)
    except ValueError:
        raise SubscriptionKeyError(name, "is neither base64url nor base64") from None
