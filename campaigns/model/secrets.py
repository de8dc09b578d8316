"""The service's secrets: a key for each purpose, and what is sealed or proved with one.

The first secret signs and seals, all of them verify and open, so that a secret is replaced in three steps:
append the new one everywhere, move it to the front, drop the old one. No secret and no key is ever in a repr.
"""

import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_MIN_CHARS = 32
NONCE_BYTES = 12
_KEY_BYTES = 32
_OWNER = "pushmill campaigns"


class Purpose(StrEnum):
    """What a key is for; the values go into its derivation, so they can never change."""

    RECIPIENT_TOKEN = "recipient token"  # noqa: S105 - a name, not a secret
    SUBSCRIBER_TOKEN = "subscriber token"  # noqa: S105 - a name, not a secret
    SEAL = "seal"


class SecretsError(ValueError):
    """The setting is no usable list of secrets; the text begins with a verb and repeats none of them."""


class SealError(ValueError):
    """What is sealed cannot be opened: it was sealed under another secret or name, or is damaged."""


class Key(NamedTuple):
    """A key for one purpose, and the byte that tells it from those of other secrets."""

    id: int
    bytes: bytes

    def __repr__(self) -> str:
        return f"Key({self.id})"


class Keys:
    """The keys for one purpose, of all secrets."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self.signing = keys[0]
        self._by_id: Mapping[int, bytes] = dict(keys)

    def get(self, key_id: int) -> bytes | None:
        """Return the key that something names; None if it is of no secret here."""
        return self._by_id.get(key_id)


class Secrets:
    """The keys for every purpose. Made by `parse_secrets`."""

    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        ids = [_key_id(secret) for secret in secrets]
        self._keys = {
            purpose: Keys(
                tuple(Key(id_, _derive(each, purpose)) for id_, each in zip(ids, secrets, strict=True))
            )
            for purpose in Purpose
        }

    def __repr__(self) -> str:
        return "Secrets(…)"

    def keys(self, purpose: Purpose) -> Keys:
        """Return the keys for a purpose."""
        return self._keys[purpose]


def parse_secrets(text: str) -> Secrets:
    """Read the setting: a comma-separated list, the first of which signs.

    Raises:
        SecretsError: There is none, one is too short, or two cannot be told apart.
    """
    secrets = tuple(each.strip().encode() for each in text.split(",") if each.strip())
    if not secrets:
        raise SecretsError("is empty: make a secret with: openssl rand -base64 32")
    if any(len(secret) < SECRET_MIN_CHARS for secret in secrets):
        raise SecretsError(
            f"has a secret below {SECRET_MIN_CHARS} characters: make one with: openssl rand -base64 32"
        )
    if len(set(secrets)) < len(secrets):
        raise SecretsError("has the same secret twice")
    if len({_key_id(secret) for secret in secrets}) < len(secrets):
        raise SecretsError(
            "has two secrets with the same key id, which happens to 1 pair in 256: make another"
        )
    return Secrets(secrets)


def _key_id(secret: bytes) -> int:
    return hashlib.sha256(secret).digest()[0]


def _derive(secret: bytes, purpose: Purpose) -> bytes:
    """Derive a key (RFC 5869)."""
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"{_OWNER} {purpose}".encode()).derive(secret)


# ── sealing ─────────────────────────────────────────────────────────────────────────────────────────────────


def seal(keys: Keys, name: str, secret: bytes, nonce: bytes) -> bytes:
    """Encrypt a secret for the database (AES-256-GCM, NIST SP 800-38D).

    Args:
        keys: Those for `Purpose.SEAL`.
        name: What it belongs to (`vapid_key:shop`): it opens under this name alone.
        secret: What is sealed.
        nonce: 12 random bytes, never used again.

    Returns:
        The key id (1 byte), the nonce (12), the ciphertext and its tag (16).
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    key = keys.signing
    return bytes([key.id]) + nonce + AESGCM(key.bytes).encrypt(nonce, secret, name.encode())


def unseal(keys: Keys, name: str, sealed: bytes) -> bytes:
    """Decrypt what `seal` has encrypted.

    Raises:
        SealError: It cannot be opened with these keys under this name.
    """
    key = keys.get(sealed[0]) if sealed else None
    if key is None:
        raise SealError(f"{name} was sealed under a secret that is not in PUSHMILL_CAMPAIGNS_SECRET")
    nonce, ciphertext = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, name.encode())
    except (InvalidTag, ValueError):
        raise SealError(f"{name} cannot be opened: it was sealed under another name, or is damaged") from None


def identity_name(account: int) -> str:
    """Return the name under which the identity secrets of an account's sites are sealed."""
    return f"identity:{account}"


def vapid_key_name(key: str) -> str:
    """Return the name under which the private half of a VAPID key is sealed."""
    return f"vapid_key:{key}"


# ── proofs of identity ──────────────────────────────────────────────────────────────────────────────────────


def identity_proof(secret: bytes, external_id: str) -> str:
    """Return what a site's own server says to prove a user's id: HMAC-SHA256 (RFC 2104) in hex."""
    return hmac.new(secret, external_id.encode(), hashlib.sha256).hexdigest()


def proves_identity(secret: bytes, external_id: str, proof: str) -> bool:
    """Whether a proof is right; takes as long whatever it is."""
    expected = identity_proof(secret, external_id)
    return hmac.compare_digest(expected.encode(), proof.lower().encode("utf-8", "replace"))
