"""The `aes128gcm` content coding (RFC 8188), and push messages in it (RFC 8291).

`encrypt` and `decrypt` are for Web Push: one record, keys agreed by ECDH. `encode_content` and
`decode_content` are the general coding: any number of records, with a key that both sides have.

Every HKDF here (RFC 5869) derives at most 32 bytes, which is one block: one HMAC to extract and one
to expand. A message takes five HMACs; written out inline on `hashlib` (RFC 2104), they cost about
three fifths of `hmac.digest` or of cryptography's HKDF objects.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import ECDH
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.agreement.interface import Agreed
from crypto.errors import DecryptionError, PayloadTooLargeError
from crypto.keys import POINT_LENGTH, ReceiverKeys, SubscriptionKeys, load_point

RECORD_SIZE = 4096
"""Record size of a push message; every push service accepts a body of this size (RFC 8291, section 4)."""
MAX_PLAINTEXT = 3993
"""Maximum bytes of plaintext: a body of 4096 less the header (86), a delimiter (1) and the tag (16)."""
SALT_LENGTH = 16

_TAG_LENGTH = 16
_OVERHEAD = _TAG_LENGTH + 1
_FIXED_HEADER = SALT_LENGTH + 5
_MORE = b"\x01"
_LAST = b"\x02"

# HMAC's two pads (RFC 2104): as tables that translate the bytes of a key, and as the rest of SHA-256's block
# of 64 bytes after a salt of 16 or a key of 32.
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_INNER_48, _OUTER_48 = _INNER[:1] * 48, _OUTER[:1] * 48
_INNER_32, _OUTER_32 = _INNER[:1] * 32, _OUTER[:1] * 32

# Input of an expand's inner hash after the key: the rest of the inner pad, then the info. The final 0x01
# is HKDF's block counter (RFC 5869, section 2.3).
_PUSH_INFO = _INNER_32 + b"WebPush: info\x00"
_KEY_INFO = _INNER_32 + b"Content-Encoding: aes128gcm\x00\x01"
_NONCE_INFO = _INNER_32 + b"Content-Encoding: nonce\x00\x01"

_PUSH_SIZES = RECORD_SIZE.to_bytes(4) + bytes([POINT_LENGTH])
_ECDH = ECDH()


class Body(NamedTuple):
    """The parts of an encoded body (RFC 8188, section 2.1).

    Attributes:
        salt: 16 bytes.
        record_size: bytes in every record but the last, which may be shorter.
        keyid: up to 255 bytes; in a push message the sender's public key, 65 bytes.
        records: the encrypted records, concatenated.
    """

    salt: bytes
    record_size: int
    keyid: bytes
    records: bytes


def encrypt(plaintext: bytes, keys: SubscriptionKeys, agreed: Agreed, salt: bytes) -> bytes:
    """Encrypt a push message (RFC 8291): an 86 byte header, then a single record without padding.

    Args:
        plaintext: at most 3993 bytes; may be empty.
        keys: the subscription's keys.
        agreed: what was agreed with this receiver, for this message alone.
        salt: 16 random bytes, made for this message alone.

    Returns:
        The body of the request: 103 bytes more than the plaintext.

    Raises:
        PayloadTooLargeError: over 3993 bytes.
        ValueError: the salt is not 16 bytes.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise PayloadTooLargeError(len(plaintext), MAX_PLAINTEXT)
    sender = agreed.sender
    key, nonce = _derive(_combine(agreed.secret, keys.auth, keys.p256dh + sender), salt)
    return salt + _PUSH_SIZES + sender + AESGCM(key).encrypt(nonce, plaintext + _LAST, None)


def decrypt(body: bytes, receiver: ReceiverKeys) -> bytes:
    """Decrypt a push message (RFC 8291), as strictly as a browser may.

    Args:
        body: header and one record; padding is accepted.
        receiver: the keys of its subscription.

    Raises:
        DecryptionError: anything but exactly one well-formed record for this receiver. In
            particular the record size must exceed the record (RFC 8291, section 4).
    """
    parts = parse_body(body)
    if len(parts.keyid) != POINT_LENGTH or parts.keyid[0] != 0x04:
        raise DecryptionError("keyid is not an uncompressed P-256 point")
    if len(parts.records) >= parts.record_size:
        raise DecryptionError("record size does not exceed the one record")
    return _open(parts, agree_as_receiver(parts.keyid, receiver))


def agree_as_receiver(sender: bytes, receiver: ReceiverKeys) -> bytes:
    """Return the 32 bytes of key material that receiver and sender share (RFC 8291, section 3.4).

    Args:
        sender: the sender's public key, 65 bytes, uncompressed (X9.62).
        receiver: the receiver's keys.

    Raises:
        DecryptionError: the sender's key is not a point on P-256.
    """
    try:
        public_key = load_point(sender)
    except ValueError:
        raise DecryptionError("keyid is not a point on P-256") from None
    secret = receiver.private_key.exchange(_ECDH, public_key)
    return _combine(secret, receiver.auth, receiver.public + sender)


def encode_content(
    chunks: Sequence[bytes], ikm: bytes, salt: bytes, *, record_size: int = RECORD_SIZE, keyid: bytes = b""
) -> bytes:
    """Encode content as `aes128gcm` (RFC 8188, section 2), a record for each chunk.

    Args:
        chunks: at least one, each at most `record_size` - 17 bytes. All but the last are padded to
            fill their record.
        ikm: the input keying material that both sides have.
        salt: 16 random bytes.
        record_size: bytes in a record, 18 to 2^32 - 1.
        keyid: up to 255 bytes that identify the key to the receiver.

    Raises:
        ValueError: an argument is outside these limits.
    """
    if not chunks or not max(map(len, chunks)) + _OVERHEAD <= record_size < 1 << 32:
        raise ValueError("chunks do not fit the records")
    if record_size <= _OVERHEAD or len(keyid) > 255:
        raise ValueError("record_size must be 18 or more, keyid 255 bytes or fewer")
    key, nonce = _derive(ikm, salt)
    *full, last = chunks
    plain = [(chunk + _MORE).ljust(record_size - _TAG_LENGTH, b"\x00") for chunk in full] + [last + _LAST]
    sealed = (AESGCM(key).encrypt(_nth(nonce, i), record, None) for i, record in enumerate(plain))
    return salt + record_size.to_bytes(4) + bytes([len(keyid)]) + keyid + b"".join(sealed)


def decode_content(body: bytes, ikm: bytes) -> bytes:
    """Decode `aes128gcm` content of any number of records (RFC 8188, section 2).

    Args:
        body: header and records.
        ikm: the input keying material that both sides have.

    Raises:
        DecryptionError: a malformed header or record, a changed or missing byte, the wrong key.
    """
    return _open(parse_body(body), ikm)


def parse_body(body: bytes) -> Body:
    """Split a body into its parts without decrypting it (RFC 8188, section 2.1).

    Raises:
        DecryptionError: the header is cut short, or the record size is below 18.
    """
    if len(body) < _FIXED_HEADER or len(body) < _FIXED_HEADER + body[20]:
        raise DecryptionError("header is cut short")
    record_size = int.from_bytes(body[16:20])
    if record_size <= _OVERHEAD:
        raise DecryptionError("record size is below 18")
    end = _FIXED_HEADER + body[20]
    return Body(body[:SALT_LENGTH], record_size, body[_FIXED_HEADER:end], body[end:])


def _combine(secret: bytes, auth: bytes, points: bytes) -> bytes:
    """Return the keying material (RFC 8291, sections 3.3 and 3.4).

    `points` is the receiver's public key followed by the sender's.
    """
    inner = sha256(auth.translate(_INNER) + _INNER_48 + secret).digest()
    extracted = sha256(auth.translate(_OUTER) + _OUTER_48 + inner).digest()
    inner = sha256(extracted.translate(_INNER) + _PUSH_INFO + points + b"\x01").digest()
    return sha256(extracted.translate(_OUTER) + _OUTER_32 + inner).digest()


def _derive(ikm: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Return the content encryption key and the nonce (RFC 8188, sections 2.2 and 2.3)."""
    if len(salt) != SALT_LENGTH:
        raise ValueError("salt must be 16 bytes")
    inner = sha256(salt.translate(_INNER) + _INNER_48 + ikm).digest()
    extracted = sha256(salt.translate(_OUTER) + _OUTER_48 + inner).digest()
    inner, outer = extracted.translate(_INNER), extracted.translate(_OUTER) + _OUTER_32
    key = sha256(outer + sha256(inner + _KEY_INFO).digest()).digest()
    nonce = sha256(outer + sha256(inner + _NONCE_INFO).digest()).digest()
    return key[:16], nonce[:12]


def _nth(nonce: bytes, index: int) -> bytes:
    """Return the nonce of a record, counted from 0 (RFC 8188, section 2.3)."""
    return (int.from_bytes(nonce) ^ index).to_bytes(12)


def _open(body: Body, ikm: bytes) -> bytes:
    key, nonce = _derive(ikm, body.salt)
    cipher, size = AESGCM(key), body.record_size
    records = [body.records[i : i + size] for i in range(0, len(body.records), size)]
    if not records:
        raise DecryptionError("there is no record")
    opened = [_open_record(cipher, _nth(nonce, i), record) for i, record in enumerate(records)]
    more = (_unpad(record, _MORE) for record in opened[:-1])
    return b"".join([*more, _unpad(opened[-1], _LAST)])


def _open_record(cipher: AESGCM, nonce: bytes, record: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, record, None)
    except InvalidTag:
        raise DecryptionError("record does not authenticate") from None


def _unpad(record: bytes, delimiter: bytes) -> bytes:
    content = record.rstrip(b"\x00")
    if not content.endswith(delimiter):
        raise DecryptionError("record has the wrong delimiter")
    return content[:-1]
