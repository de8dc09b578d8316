"""Key agreement, by OpenSSL and eight at a time: the same verdict on any bytes, and the same secrets."""

from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from crypto import base64url
from crypto.agreement.lanes import COUNT, ORDER, Lanes, Library
from crypto.agreement.openssl import OpenSSL
from crypto.agreement.self_test import scripted
from crypto.errors import SubscriptionKeyError
from crypto.keys import POINT_LENGTH, parse_subscription_keys
from worker.edges.agreement.library import CryptoMb, LibraryError

AUTH = base64url.encode(bytes(16))


def agreement(data: bytes) -> None:
    """Up to eight receivers' keys, 65 bytes each; the last may be shorter."""
    receivers = [data[first : first + POINT_LENGTH] for first in range(0, len(data), POINT_LENGTH)][:COUNT]
    scalars = [_scalar(bytes([lane]) + data) for lane in range(COUNT)]
    keys = (derive_private_key(scalar, SECP256R1()) for scalar in scalars)
    agreed = OpenSSL(lambda: next(keys)).agree(receivers)
    assert [each is not None for each in agreed] == list(map(_is_accepted, receivers))
    library = _library()
    if library:
        assert Lanes(library, scripted(scalars)).agree(receivers) == agreed


def _scalar(seed: bytes) -> int:
    return 1 + int.from_bytes(sha256(seed).digest()) % (ORDER - 1)


def _is_accepted(receiver: bytes) -> bool:
    try:
        parse_subscription_keys(base64url.encode(receiver), AUTH)
    except SubscriptionKeyError:
        return False
    return True


@cache
def _library() -> Library | None:
    try:
        return CryptoMb()
    except LibraryError:
        return None
