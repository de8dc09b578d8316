"""Pictures that come with a request: which bytes are one, and how large it may be.

A picture is shown by browsers from this service's own host, so what could run there (SVG, HTML) is never one.
"""

from typing import NamedTuple

from campaigns.model.problems import invalid

BYTES_MAX = 200 * 1024

# Source: WHATWG MIME Sniffing, section 6.1, https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class Picture(NamedTuple):
    """A picture that was uploaded.

    Attributes:
        media_type: As its first bytes say.
        body: Its bytes.
    """

    media_type: str
    body: bytes


def read_picture(body: bytes, field: str) -> Picture:
    """Read a picture.

    Args:
        body: Its bytes.
        field: Where it stands in the request.

    Raises:
        InvalidError: It is none that is shown here, or too large.
    """
    if len(body) > BYTES_MAX:
        raise invalid(field, f"has more than {BYTES_MAX // 1024} KB; make the picture smaller")
    for signature, media_type in _SIGNATURES:
        if body.startswith(signature):
            return Picture(media_type, body)
    raise invalid(field, "is no picture in PNG, JPEG or GIF")
