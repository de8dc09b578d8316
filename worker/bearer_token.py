"""What a bearer token is: which characters it may have, and when it ends if it is a JWT. Verifies nothing.

Knows nothing of where tokens come from, and never repeats one in an error.
"""

import re
from base64 import urlsafe_b64decode
from math import isfinite

import msgspec

MAX_CHARS = 64 << 10
_SYNTAX = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class _Claims(msgspec.Struct):
    exp: float | None = None


_decode_claims = msgspec.json.Decoder(_Claims).decode


class TokenTextError(ValueError):
    """A text is no bearer token; the message says why, without the text."""


def parse_token(text: str) -> str:
    """Return a token without the white space around it.

    Raises:
        TokenTextError: It is empty, too long, or has characters that RFC 6750 section 2.1 does not allow.
    """
    token = text.strip()
    if not token:
        raise TokenTextError("is empty")
    if len(token) > MAX_CHARS:
        raise TokenTextError(f"has more than {MAX_CHARS} characters")
    if not _SYNTAX.fullmatch(token):
        raise TokenTextError("has characters that no bearer token has (RFC 6750 section 2.1)")
    return token


def jwt_expiry(token: str) -> float | None:
    """Return a JWT's `exp` in Unix seconds (RFC 7519 section 4.1.4); None if the token does not say."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        expiry = _decode_claims(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))).exp
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None
    return expiry if expiry is not None and isfinite(expiry) else None
