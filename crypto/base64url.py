"""base64url (RFC 4648, section 5), as subscriptions and tokens use it: without padding.

Twice per recipient in the hot path, so one C call does the work.
"""

import binascii

_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# '+' and '/' become a character that no alphabet has, so that the strict decoder refuses them.
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/!!")
_PADDING = (b"", b"===", b"==", b"=")


def encode(data: bytes) -> str:
    """Bytes to base64url text without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL_SAFE).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Base64url text to bytes; padding is optional, but right where it is given.

    Unused bits of the last character are not looked at, as RFC 4648 (section 3.5) permits.

    Raises:
        ValueError: a character outside the URL-safe alphabet ('+' and '/' included), a length that
            no bytes have, or wrong padding. The text itself is not repeated.
    """
    # "replace" gives '?', which is refused; an encoding error would carry the whole text along.
    raw = text.encode("ascii", "replace").translate(_FROM_URL_SAFE)
    if raw[-1:] != b"=":
        raw += _PADDING[len(raw) % 4]
    elif len(raw) % 4 or raw.endswith(b"==="):
        raise ValueError("wrong base64url padding")
    return binascii.a2b_base64(raw, strict_mode=True)
