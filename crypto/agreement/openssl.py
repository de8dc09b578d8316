"""Key agreement by OpenSSL, which `cryptography` brings along: one message at a time, on any processor."""

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)

from crypto.agreement.interface import Agreed
from crypto.keys import POINT_LENGTH, load_point, public_point

_CURVE = SECP256R1()
_ECDH = ECDH()


def new_key() -> EllipticCurvePrivateKey:
    """Make a private key from OpenSSL's randomness."""
    return generate_private_key(_CURVE)


class OpenSSL:
    """See `Agreement`; `private_key` makes the ephemeral keys, one a call."""

    name = "openssl"

    def __init__(self, private_key: Callable[[], EllipticCurvePrivateKey] = new_key) -> None:
        self._private_key = private_key

    def agree(self, receivers: Sequence[bytes]) -> list[Agreed | None]:
        """See `Agreement.agree`; the same step for all receivers in a row keeps caches warm."""
        points = [_point(each) for each in receivers]
        private_keys = [self._private_key() for _ in receivers]
        senders = [public_point(each) for each in private_keys]
        return [
            None if point is None else Agreed(sender, private_key.exchange(_ECDH, point))
            for point, private_key, sender in zip(points, private_keys, senders, strict=True)
        ]


def _point(receiver: bytes) -> EllipticCurvePublicKey | None:
    if len(receiver) != POINT_LENGTH:  # 33 bytes could be a point, compressed
        return None
    try:
        return load_point(receiver)
    except ValueError:
        return None
