"""What a burst of messages needs of a key agreement; knows neither how it is computed nor what it is for."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Agreed(Struct, frozen=True, gc=False):
    """What the sender of one message gets from a key agreement; never used for another message.

    Attributes:
        sender: the public half of the sender's ephemeral key, 65 bytes, uncompressed (X9.62).
        secret: the ECDH secret, 32 bytes: the shared point's x coordinate, big-endian.
    """

    sender: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"Agreed(sender={self.sender!r})"


class Agreement(Protocol):
    """A way to agree on secrets with receivers by ECDH on P-256."""

    @property
    def name(self) -> str:
        """What computes it, as `PUSHMILL_AGREEMENT` names it."""

    def agree(self, receivers: Sequence[bytes]) -> list[Agreed | None]:
        """Agree with each receiver, with a fresh ephemeral key for each (RFC 8291, section 3.1).

        Args:
            receivers: their public keys; any bytes at all.

        Returns:
            In the same order: what was agreed, or None where the key is anything but 65 bytes that encode a
            point on P-256 without compression (X9.62). One receiver's None costs no other anything.
        """
