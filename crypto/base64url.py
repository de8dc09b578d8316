"""base64url (RFC 4648, section 5) without padding, as subscriptions and tokens use it.

Called twice per recipient in the hot path, so a single C call does the work.
"""

import binascii

_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# '+' and '/' become a character outside every alphabet, so that the strict decoder rejects them.
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/!!")
_PADDING = (b"", b"===", b"==", b"=")


def encode(data: bytes) -> str:
    """Encode bytes as base64url text without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL_SAFE).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Decode base64url text; padding is optional, but must be correct if given.

    Unused bits of the last character are ignored, as RFC 4648 (section 3.5) permits.

    Raises:
        ValueError: a character outside the URL-safe alphabet ('+' and '/' included), an impossible
            length, or wrong padding. The message does not contain the text.
    """
    # "replace" gives '?', which is rejected; an encoding error would contain the whole text.
    raw = text.encode("ascii", "replace").translate(_FROM_URL_SAFE)
    if raw[-1:] != b"=":
        raw += _PADDING[len(raw) % 4]
    elif len(raw) % 4 or raw.endswith(b"==="):
        raise ValueError("wrong base64url padding")
    return binascii.a2b_base64(raw, strict_mode=True)
