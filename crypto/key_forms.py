"""The forms in which other programs keep a VAPID private key, read into the one that this package uses.

Decides which form some bytes are in, and whether they hold exactly one private key on P-256. Knows neither
files nor passwords' sources, and no error contains any part of a private key.
"""

import binascii
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)

from crypto import base64url
from crypto.errors import VapidCurveError, VapidKeyError, VapidPasswordError
from crypto.keys import load_point
from crypto.vapid import VapidKey, vapid_key_of

MAX_BYTES = 65_536
"""Longest input that is looked at; the longest form of a key takes a few hundred bytes."""

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of P-256 (SEC 2, section 2.4.2): a private key is a number from 1 to n - 1."""

_NUMBER_BYTES = 32
_NUMBER_BYTES_MIN = 28
"""With fewer, it is not a number without its leading zeros: that happens to one key in four billion."""

_POINT_BYTES = {33, 65}
_NESTED_MAX = 2
"""Forms inside forms: JSON that holds PEM, or the base64 of a PEM file in a Kubernetes Secret."""

_SEQUENCE = 0x30
# SEC 1, appendix C.4, without the optional parameters: nothing in it names the curve.
_BARE_SEC1 = re.compile(rb"\x30.\x02\x01\x01\x04\x20(.{32})(?:\xa1\x44\x03\x42\x00(.{65}))?", re.DOTALL)
_PEM_BLOCKS_MAX = 16
_P256_PARAMETERS = bytes.fromhex("06082a8648ce3d030107")  # its object identifier, RFC 5480, section 2.1.1.1
# RFC 7468, but the lines may have been joined; RFC 1421 headers are those of an old encrypted key.
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_PEM_HEADERS = re.compile(r"\s*Proc-Type:\s*(4,ENCRYPTED)\s+DEK-Info:\s*([A-Z0-9-]+,[0-9A-Fa-f]+)\s")
_PRIVATE_LABELS = {"PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"}
_ALSO_FOUND = {"EC PARAMETERS", "PUBLIC KEY", "CERTIFICATE"}
_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_ESCAPED_BREAK = re.compile(r"(?:\\r)?\\n|\\r")
_PRIVATE_NAMES = ("privateKey", "private_key")
_PUBLIC_NAMES = ("publicKey", "public_key")

_PUBLIC_ALONE = "holds a public key; the private key is needed"


class _Form(NamedTuple):
    """What was found: a key or the bytes of its number, and the public keys beside it (X9.62)."""

    key: PrivateKeyTypes | bytes
    publics: tuple[bytes, ...] = ()


def read_vapid_key(data: bytes, *, public: bytes | None = None, password: bytes | None = None) -> VapidKey:
    """Read a private key on P-256 from any form that Web Push tools keep it in.

    Those are the 32 bytes of the number in base64url, base64, hex or as they are; the JSON of web-push
    (`{"publicKey": …, "privateKey": …}`); JWK (RFC 7517); DER and PEM, SEC 1 (RFC 5915) and PKCS 8 (RFC
    5958), encrypted or not. PEM may have lost its line breaks, have a backslash and an n for each, or begin
    with other blocks. DER and PEM may be in base64 once more.

    Args:
        data: The file's content.
        public: The public key that it has to belong to, as `parse_public_key` returns it.
        password: Of an encrypted key.

    Raises:
        VapidPasswordError: It is encrypted, and the password is missing or wrong.
        VapidKeyError: It is not one usable private key, or another one than `public` (or a public key in the
            same file) says. Begins with a verb: the subject is the file.
    """
    if len(data) > MAX_BYTES:
        raise VapidKeyError(f"is larger than {MAX_BYTES} bytes, so it is not a key")
    form = _read(data, password, 0)
    publics = (*form.publics, *((public,) if public else ()))
    try:
        key = vapid_key_of(_derived(form.key, bool(publics)) if isinstance(form.key, bytes) else form.key)
    except VapidCurveError as error:
        raise VapidKeyError(f"is {error}") from None
    for each in publics:
        if each != key.public:
            raise VapidKeyError(
                f"holds the private key of {key.public_text}, which is not the one of the public key "
                f"{base64url.encode(each)}"
            )
    return key


def parse_public_key(text: str) -> bytes:
    """Read a public key as web pages use it: base64url or base64 of a point on P-256.

    Returns:
        65 bytes, uncompressed (X9.62).

    Raises:
        VapidKeyError: It is anything else.
    """
    try:
        numbers = load_point(_base64(text.strip()) or b"").public_numbers()
    except ValueError:
        raise VapidKeyError("is not a public key: 65 bytes in base64url, the first of them 0x04") from None
    return b"\x04" + numbers.x.to_bytes(_NUMBER_BYTES) + numbers.y.to_bytes(_NUMBER_BYTES)


# ── which form it is ────────────────────────────────────────────────────────────────────────────────────────


def _read(data: bytes, password: bytes | None, depth: int) -> _Form:
    if len(data) == _NUMBER_BYTES and not data.isascii():
        return _Form(data)
    text = _text(data)
    if text is not None:
        return _read_text(text, password, depth)
    if data[:1] == bytes([_SEQUENCE]):
        return _from_der(data, password)
    raise VapidKeyError("is neither text nor DER, so it is not a private key in any form known here")


def _text(data: bytes) -> str | None:
    """Return text in UTF-8, or in UTF-16 with a byte order mark, as PowerShell writes it; else None."""
    is_utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        return None
    # DER may be valid UTF-8 by chance, but it always has control characters.
    return text if all(char >= " " or char in "\t\r\n" for char in text) else None


def _read_text(text: str, password: bytes | None, depth: int) -> _Form:
    text = text.strip().strip("\"'").strip()
    if not text:
        raise VapidKeyError("is empty")
    if text.startswith("{"):
        return _from_json(text, password, depth)
    if "-----BEGIN " in text:
        return _from_pem(_ESCAPED_BREAK.sub("\n", text), password)
    return _from_base64(text, password, depth)


def _from_base64(text: str, password: bytes | None, depth: int) -> _Form:
    if _HEX.fullmatch(text):
        return _Form(bytes.fromhex(text))
    raw = _base64(text)
    if raw is None:
        raise VapidKeyError("is not a private key in any form known here: PEM, DER, JWK, JSON or base64url")
    if len(raw) in _POINT_BYTES and raw[0] in (2, 3, 4):
        raise VapidKeyError(_PUBLIC_ALONE)
    if (raw[:1] == bytes([_SEQUENCE]) and len(raw) > _NUMBER_BYTES + 1) or b"-----BEGIN " in raw:
        return _nested(raw, password, depth)
    return _Form(raw)


def _nested(data: bytes, password: bytes | None, depth: int) -> _Form:
    if depth >= _NESTED_MAX:
        raise VapidKeyError("is encoded several times over")
    return _read(data, password, depth + 1)


def _base64(text: str) -> bytes | None:
    """Decode base64 of either alphabet, with or without padding and line breaks; None if it is not that."""
    plain = "".join(text.split()).replace("+", "-").replace("/", "_").rstrip("=")
    try:
        return base64url.decode(plain)
    except ValueError:
        return None


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────


def _from_json(text: str, password: bytes | None, depth: int) -> _Form:
    try:
        tree = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise VapidKeyError("begins like JSON, but is not JSON") from None
    if isinstance(tree.get("keys"), list):
        tree = _only_key(tree["keys"])
    if "kty" in tree:
        return _from_jwk(tree)
    publics = tuple(parse_public_key(each) for each in _texts(tree, _PUBLIC_NAMES))
    for each in _texts(tree, _PRIVATE_NAMES):
        found = _nested(each.encode("utf-8", "replace"), password, depth)
        return _Form(found.key, found.publics + publics)
    raise VapidKeyError(_PUBLIC_ALONE if publics else "is JSON without a privateKey, and is not a JWK")


def _texts(tree: dict[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    return (tree[name] for name in names if isinstance(tree.get(name), str))


def _only_key(keys: list[Any]) -> dict[str, Any]:
    private = [each for each in keys if isinstance(each, dict) and "d" in each]
    if len(private) != 1:
        raise VapidKeyError(f"is a JWK set with {len(private)} private keys; one is needed")
    return private[0]


def _from_jwk(tree: dict[str, Any]) -> _Form:
    """Read a JWK (RFC 7518, section 6.2)."""
    if tree["kty"] != "EC":
        raise VapidKeyError("is a JWK, but not of an elliptic curve key (kty: EC)")
    if tree.get("crv") != "P-256":
        raise VapidKeyError("is a JWK on another curve; a VAPID key is on P-256 (crv: P-256)")
    if "d" not in tree:
        raise VapidKeyError(_PUBLIC_ALONE)
    number, x, y = (_base64(tree[name]) if isinstance(tree.get(name), str) else None for name in "dxy")
    if number is None:
        raise VapidKeyError("is a JWK whose d is not base64url")
    if "x" not in tree and "y" not in tree:
        return _Form(number)
    if x is None or y is None or len(x) > _NUMBER_BYTES or len(y) > _NUMBER_BYTES:
        raise VapidKeyError("is a JWK whose x and y are not a point in base64url")
    return _Form(number, (b"\x04" + x.rjust(_NUMBER_BYTES, b"\0") + y.rjust(_NUMBER_BYTES, b"\0"),))


# ── PEM and DER ─────────────────────────────────────────────────────────────────────────────────────────────


def _from_pem(text: str, password: bytes | None) -> _Form:
    if text.count("-----BEGIN ") > _PEM_BLOCKS_MAX:
        raise VapidKeyError(f"holds more than {_PEM_BLOCKS_MAX} blocks of PEM; one key is needed")
    found = _PEM.findall(text)
    for label, body in found:
        if label == "EC PARAMETERS":
            _check_parameters(_base64(body) or b"")
    blocks = [(label, body) for label, body in found if label not in _ALSO_FOUND]
    if not blocks:
        raise VapidKeyError(_without_private(text))
    if len(blocks) > 1:
        raise VapidKeyError(f"holds {len(blocks)} keys in PEM; one is needed")
    [(label, body)] = blocks
    if label == "OPENSSH PRIVATE KEY":
        raise VapidKeyError("is in OpenSSH's own form; convert a copy with: ssh-keygen -p -m PEM -f COPY")
    if label not in _PRIVATE_LABELS:
        raise VapidKeyError("holds another kind of key; a VAPID key is an elliptic curve key on P-256")
    headers = _PEM_HEADERS.match(body)
    der = _base64(body[headers.end() :] if headers else body)
    if der is None:
        raise VapidKeyError("is damaged: what is between its BEGIN and END lines is not base64")
    return _Form(_load_old(label, headers, der, password)) if headers else _from_der(der, password)


def _check_parameters(der: bytes) -> None:
    """Check the name of the curve; if it is written out instead (a sequence), the key says so again."""
    if der != _P256_PARAMETERS and der[:1] != bytes([_SEQUENCE]):
        raise VapidKeyError("is on another curve, as its EC PARAMETERS say; a VAPID key is on P-256")


def _without_private(text: str) -> str:
    if "PRIVATE KEY-----" in text:
        return "is cut off: its PEM has no END line that matches the BEGIN line"
    return _PUBLIC_ALONE if "PUBLIC KEY-----" in text else "is PEM without a private key"


def _load_old(label: str, headers: re.Match[str], der: bytes, password: bytes | None) -> PrivateKeyTypes:
    """Load a key that is encrypted the way of RFC 1421; OpenSSL's loader wants its lines as they were."""
    text = binascii.b2a_base64(der, newline=False).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    head = f"-----BEGIN {label}-----\nProc-Type: {headers[1]}\nDEK-Info: {headers[2]}\n"
    pem = f"{head}\n{lines}\n-----END {label}-----\n"
    return _loaded(load_pem_private_key, pem.encode(), password)


def _from_der(der: bytes, password: bytes | None) -> _Form:
    bare = _BARE_SEC1.fullmatch(der)
    if bare:
        return _Form(bare[1], (bare[2],) if bare[2] else ())
    return _Form(_loaded(load_der_private_key, der, password))


def _loaded(load: Any, data: bytes, password: bytes | None) -> PrivateKeyTypes:
    """Load a private key, and say in our words what is wrong with it."""
    try:
        # RSA keys are rejected anyway, and checking their primes would take seconds.
        key: PrivateKeyTypes = load(data, password=password, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        if password is None:
            raise VapidPasswordError("is encrypted; its password is needed") from None
        return _loaded(load, data, None)  # is not encrypted
    except UnsupportedAlgorithm:
        raise VapidKeyError("holds a kind of key, or an encryption, that is not supported") from None
    except ValueError as error:
        if password is not None and "password" in str(error).lower():
            raise VapidPasswordError("is encrypted, and the password is wrong") from None
        raise VapidKeyError(_why_not(data)) from None
    return key


def _why_not(der: bytes) -> str:
    try:
        load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return "is damaged, or its number is not from 1 to n - 1: it holds no usable private key"
    return _PUBLIC_ALONE


# ── the number ──────────────────────────────────────────────────────────────────────────────────────────────


def _derived(raw: bytes, has_public: bool) -> PrivateKeyTypes:
    """Make a key from its number; Java's BigInteger adds a zero byte in front, or leaves some out."""
    if len(raw) == _NUMBER_BYTES + 1 and raw[0] == 0:
        raw = raw[1:]
    is_short = _NUMBER_BYTES_MIN <= len(raw) < _NUMBER_BYTES
    if is_short and not has_public:
        raise VapidKeyError(
            f"holds {len(raw)} bytes, not {_NUMBER_BYTES}: it is cut off, or lacks its leading zeros; "
            "give its public key, too, to tell the two apart"
        )
    if len(raw) != _NUMBER_BYTES and not is_short:
        raise VapidKeyError(f"holds {len(raw)} bytes; the number of a private key has {_NUMBER_BYTES}")
    return derive_private_key(_number(raw), SECP256R1())


def _number(raw: bytes) -> int:
    number = int.from_bytes(raw)
    if not 0 < number < _ORDER:
        raise VapidKeyError("holds a number that is not from 1 to n - 1, so it is not a private key on P-256")
    return number
