"""base64url (RFC 4648, section 5) without padding, as subscriptions and tokens use it.

`decode` is called twice per recipient in the hot path, so a single C call does the work.
"""

import binascii
from collections.abc import Sequence

_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# '+' and '/' become a character outside every alphabet, so that the strict decoder rejects them.
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/!!")
_FROM_EITHER = bytes.maketrans(b"-_", b"+/")
_LINE_BREAKS = b"\r\n"
_PADDING = (b"", b"===", b"==", b"=")


def encode(data: bytes) -> str:
    """Encode bytes as base64url text without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL_SAFE).rstrip(b"=").decode("ascii")


def encode_all(values: Sequence[bytes]) -> list[str]:
    """Encode each value as `encode` does; where all are of one length, all at once, in half the time.

    Three bytes become four characters, so that values which are filled up to whole threes can stand one
    behind the other. The characters that come of the filling are cut off.
    """
    lengths = {*map(len, values)}
    if len(lengths) != 1 or 0 in lengths:
        return [encode(value) for value in values]
    [length] = lengths
    filling = bytes(-length % 3)
    width, characters = (length + len(filling)) // 3 * 4, (length * 4 + 2) // 3
    raw = filling.join((*values, b""))
    text = binascii.b2a_base64(raw, newline=False).translate(_TO_URL_SAFE).decode("ascii")
    return [text[begin : begin + characters] for begin in range(0, len(text), width)]


def decode(text: str) -> bytes:
    """Decode base64url text; padding is optional, but must be correct if given.

    Unused bits of the last character are ignored, as RFC 4648 (section 3.5) permits.

    Raises:
        ValueError: a character outside the URL-safe alphabet ('+' and '/' included), an impossible
            length, or wrong padding. The message does not contain the text.
    """
    # "replace" gives '?', which is rejected; an encoding error would contain the whole text.
    return _decode(text.encode("ascii", "replace").translate(_FROM_URL_SAFE))


def decode_any(text: str) -> bytes:
    """Decode base64url or ordinary base64 (RFC 4648, section 4), with or without line breaks (RFC 2045, 6.8).

    Raises:
        ValueError: a character outside both alphabets, an impossible length, or wrong padding. The message
            does not contain the text.
    """
    return _decode(text.encode("ascii", "replace").translate(_FROM_EITHER, _LINE_BREAKS))


def _decode(raw: bytes) -> bytes:
    if raw[-1:] != b"=":
        raw += _PADDING[len(raw) % 4]
    elif len(raw) % 4 or raw.endswith(b"==="):
        raise ValueError("wrong base64url padding")
    return binascii.a2b_base64(raw, strict_mode=True)
