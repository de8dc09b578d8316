"""Voluntary Application Server Identification, VAPID (RFC 8292), built on py-vapid.

A sender signs a token for each push service (`sign`) and uses it for hours (`TokenCache`); the
receiving side checks it (`verify`).
"""

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from py_vapid import Vapid02, jwt

from crypto import base64url
from crypto.errors import VapidCurveError, VapidKeyError, VapidSubjectError, VapidTokenError
from crypto.keys import load_point, public_point

MAX_AHEAD = 86_400
"""Maximum seconds that a token's `exp` may lie ahead (RFC 8292, section 2)."""
MAX_LIFETIME = 43_200
"""Maximum lifetime of our tokens in seconds: half of `MAX_AHEAD`, so that a fast clock does no harm."""
CLOCK_SLACK = 1_200
"""Seconds that the clock may step back before a cached token counts as one from the future.

The shortest interval in which Apple accepts a new token (20 minutes, native APNs)."""

_Shape = TypeVar("_Shape")
# Never advise to make a new key: every subscription is bound to the one that it was made with.
_IMPORT = "`pushmill keys import` reads it in other forms"
_THE_SAME = "use the key that the subscriptions were made with"
_HOST = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]|(?i:localhost)"
_SUBJECT = re.compile(
    rf"mailto:[!#-;=A-Z\[-~]+@(?P<mail>{_HOST})|https://(?P<web>{_HOST})(?::[0-9]{{1,5}})?(?:[/?#][!#-;=?-~]*)?"
)
# Apple answers these with BadJwtToken.
_REFUSED_HOST = re.compile(r"(?:.*\.)?(?:localhost|local|invalid)", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://[^/:\s]+(?::[0-9]+)?", re.IGNORECASE)
_SCHEME = re.compile(r"vapid[ \t]+(?P<params>.+)", re.IGNORECASE)
_PARAM = re.compile(r"[ \t]*(?P<name>[A-Za-z]+)=(?P<value>[A-Za-z0-9_.-]+)[ \t]*")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class VapidKey:
    """A sender's identity: a P-256 key pair, made by `load_vapid_key` or `generate_vapid_key`.

    Attributes:
        public: the public half, 65 bytes, uncompressed (X9.62).
        public_text: the same as base64url text: the browser's `applicationServerKey`, the token's `k`.
        fingerprint: first 16 hex digits of the SHA-256 of `public`, for logs and `keys show`.
    """

    signer: Vapid02
    public: bytes
    public_text: str
    fingerprint: str

    def __repr__(self) -> str:
        return f"VapidKey(fingerprint={self.fingerprint!r})"

    def to_pem(self) -> bytes:
        """Return the private key as unencrypted PKCS 8 PEM (RFC 5958): a secret."""
        return bytes(self.signer.private_pem())


class VapidClaims(NamedTuple):
    """The claims of a valid token (RFC 8292, section 2).

    Attributes:
        audience: origin of the push service that it is for.
        expires_at: Unix time in seconds.
        subject: contact of the sender, a `mailto:` or `https:` URL.
        public_key: the signer's, 65 bytes, uncompressed (X9.62).
    """

    audience: str
    expires_at: int
    subject: str
    public_key: bytes


def load_vapid_key(pem: bytes) -> VapidKey:
    """Read a private key from PEM, PKCS 8 ("PRIVATE KEY") or SEC 1 ("EC PRIVATE KEY").

    Raises:
        VapidKeyError: anything but one unencrypted P-256 private key; says what to do about it.
    """
    return vapid_key_of(_load_pem(pem))


def vapid_key_of(key: PrivateKeyTypes) -> VapidKey:
    """Make an identity of a private key.

    Raises:
        VapidCurveError: It is not an elliptic curve key, or on another curve than P-256.
    """
    if not isinstance(key, EllipticCurvePrivateKey):
        raise VapidCurveError(f"not an elliptic curve key, must be on P-256; {_THE_SAME}")
    if not isinstance(key.curve, SECP256R1):
        raise VapidCurveError(f"on the curve {key.curve.name}, must be P-256; {_THE_SAME}")
    return _vapid_key(key)


def generate_vapid_key() -> VapidKey:
    """Make a new identity; subscriptions stay bound to the one they were made with."""
    return _vapid_key(generate_private_key(SECP256R1()))


def check_subject(subject: str) -> str:
    """Return a subject that push services accept, unchanged (RFC 8292, section 2.1).

    Args:
        subject: `mailto:user@host` or `https://host`, the latter with any port and path; a host has
            a dot in it.

    Raises:
        VapidSubjectError: anything else, including what only Apple refuses: spaces, angle brackets, and
            hosts at localhost, .local or .invalid.
    """
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        raise VapidSubjectError("must be mailto:user@host or https://host, without spaces or brackets")
    if _REFUSED_HOST.fullmatch(match["mail"] or match["web"]):
        raise VapidSubjectError("must have a public host: Apple refuses localhost, .local and .invalid")
    return subject


def sign(key: VapidKey, audience: str, subject: str, expires_at: int) -> str:
    """Sign a token, and return the Authorization value `vapid t=…,k=…` (RFC 8292, section 3).

    Args:
        key: the signer's key.
        audience: origin of the endpoint: scheme, host, and any port that is not the default.
        subject: contact, as `check_subject` returned it.
        expires_at: Unix time in seconds, above 0, at most 24 hours ahead.

    Raises:
        VapidTokenError: `bad_audience`, not an origin (IPv6 literals are not accepted); `expired`, a time
            that is certainly past.
    """
    if expires_at <= 0:
        raise VapidTokenError("expired")
    if not _ORIGIN.fullmatch(audience):
        raise VapidTokenError("bad_audience")
    # Not by Vapid02, which copies the claims and encodes the public key again for each token.
    token = jwt.sign({"aud": audience, "exp": expires_at, "sub": subject}, key.signer.private_key)
    return f"vapid t={token},k={key.public_text}"


class TokenCache:
    """A cache of signed tokens, one for each key and audience, reused until they are due for renewal.

    A token is due `renew_before` seconds before it ends, or when the clock has stepped back so far
    that push services could find it too far ahead. The least recently used ones are evicted.

    Attributes:
        signatures: tokens signed so far.
    """

    def __init__(
        self, subject: str, lifetime: int = MAX_LIFETIME, renew_before: int = 21_600, capacity: int = 10_000
    ) -> None:
        """Make an empty cache.

        Args:
            subject: contact that goes into every token.
            lifetime: seconds from signing to `exp`, at most 43,200 (12 hours).
            renew_before: seconds before `exp` at which a new token is signed; Apple refuses new ones
                within 20 minutes of the last, so leave more time than that.
            capacity: maximum number of tokens.

        Raises:
            VapidSubjectError: see `check_subject`.
            ValueError: a number is out of range.
        """
        if not 0 < lifetime <= MAX_LIFETIME or not 0 <= renew_before < lifetime or capacity < 1:
            raise ValueError("must be: lifetime up to 43200, renew_before below it, capacity of 1 or more")
        self._subject = check_subject(subject)
        self._lifetime = lifetime
        self._fresh_for = lifetime - renew_before
        self._capacity = capacity
        self._tokens: OrderedDict[tuple[bytes, str], tuple[float, float, str]] = OrderedDict()
        self.signatures = 0

    def __len__(self) -> int:
        return len(self._tokens)

    def authorization(self, key: VapidKey, audience: str, now: float) -> str:
        """Return an Authorization value, and sign one only if none is cached.

        Args:
            key: the signer's key.
            audience: origin of the endpoint: scheme, host, and any port that is not the default.
            now: Unix time in seconds.

        Raises:
            VapidTokenError: `bad_audience`, see `sign`.
        """
        slot = (key.public, audience)
        token = self._tokens.get(slot)
        if token is None or not token[0] <= now < token[1]:
            token = self._renew(key, audience, now)
        self._tokens.move_to_end(slot)
        return token[2]

    def _renew(self, key: VapidKey, audience: str, now: float) -> tuple[float, float, str]:
        """Sign a token and cache it; return from when and until when it is used, and its header value."""
        header = sign(key, audience, self._subject, int(now) + self._lifetime)
        self.signatures += 1
        token = self._tokens[key.public, audience] = (now - CLOCK_SLACK, now + self._fresh_for, header)
        if len(self._tokens) > self._capacity:
            self._tokens.popitem(last=False)
        return token


def verify(authorization: str, audience: str, now: float) -> VapidClaims:
    """Check an Authorization value as the strictest push service would (RFC 8292, sections 2 to 4.2).

    Args:
        authorization: `vapid t=…, k=…`, in any order, with or without spaces; other parameters are
            ignored.
        audience: the origin that the token must be for.
        now: Unix time in seconds.

    Raises:
        VapidTokenError: its `problem` is `malformed`, `bad_key`, `bad_signature`, `bad_header` (not
            an ES256 JWT), `wrong_audience`, `expired`, `too_far_ahead` or `bad_subject`.
    """
    token, key_text = _parse_authorization(authorization)
    public = _decode(key_text)
    signed, _, signature = token.rpartition(".")
    _check_signature(public, signed, _decode(signature))
    header, _, claims = signed.partition(".")
    _check_header(_decode(header))
    parsed = _parse_json(_decode(claims), _Claims)
    _check_claims(parsed, audience, now)
    return VapidClaims(parsed.aud, int(parsed.exp), parsed.sub, public)


class _Header(msgspec.Struct):
    alg: str
    typ: str = "JWT"


class _Claims(msgspec.Struct):
    aud: str
    exp: int | float
    sub: str = ""


def _load_pem(pem: bytes) -> PrivateKeyTypes:
    try:
        # RSA keys are rejected anyway, and checking their primes would take seconds.
        return load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise VapidKeyError("encrypted; `pushmill keys import` removes the password") from None
    except UnsupportedAlgorithm:
        raise VapidKeyError(f"not a supported kind of key, must be P-256; {_THE_SAME}") from None
    except ValueError:
        raise VapidKeyError(f"not a private key in PEM; {_IMPORT}") from None


def _vapid_key(private_key: EllipticCurvePrivateKey) -> VapidKey:
    public = public_point(private_key)
    fingerprint = hashlib.sha256(public).hexdigest()[:16]
    return VapidKey(Vapid02(private_key), public, base64url.encode(public), fingerprint)


def _parse_authorization(authorization: str) -> tuple[str, str]:
    scheme = _SCHEME.fullmatch(authorization.strip(" \t"))
    params = [_PARAM.fullmatch(param) for param in scheme["params"].split(",")] if scheme else []
    found = {param["name"].lower(): param["value"] for param in params if param}
    if len(found) < len(params) or not {"t", "k"} <= found.keys() or found["t"].count(".") != 2:
        raise VapidTokenError("malformed")
    return found["t"], found["k"]


def _decode(text: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError:
        raise VapidTokenError("malformed") from None


def _check_signature(public: bytes, signed: str, signature: bytes) -> None:
    if len(public) != 65 or public[0] != 0x04:
        raise VapidTokenError("bad_key")
    try:
        key = load_point(public)
    except ValueError:
        raise VapidTokenError("bad_key") from None
    if len(signature) != 64:
        raise VapidTokenError("bad_signature")
    der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    try:
        key.verify(der, signed.encode("ascii"), ECDSA(SHA256()))
    except InvalidSignature:
        raise VapidTokenError("bad_signature") from None


def _check_header(text: bytes) -> None:
    header = _parse_json(text, _Header)
    if header.alg != "ES256" or header.typ.upper() != "JWT":
        raise VapidTokenError("bad_header")


def _check_claims(claims: _Claims, audience: str, now: float) -> None:
    if claims.aud != audience:
        raise VapidTokenError("wrong_audience")
    if claims.exp <= now:
        raise VapidTokenError("expired")
    if claims.exp > now + MAX_AHEAD:
        raise VapidTokenError("too_far_ahead")
    try:
        check_subject(claims.sub)
    except VapidSubjectError:
        raise VapidTokenError("bad_subject") from None


def _parse_json(text: bytes, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(text, type=shape)
    except (ValueError, RecursionError):
        raise VapidTokenError("malformed") from None
