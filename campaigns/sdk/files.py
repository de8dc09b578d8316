"""The files that browsers load, and how they are served.

Decides names, media types and headers; knows nothing of HTTP servers.
"""

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from msgspec import Struct

JAVASCRIPT: Final = "text/javascript; charset=utf-8"

MEDIA_TYPES: Final = {
    "site.js": JAVASCRIPT,
    "worker.js": JAVASCRIPT,
    "prompt.js": JAVASCRIPT,
    "diagnosis.js": JAVASCRIPT,
}
"""Each file that is served as `/sdk/NAME`."""

HEADERS: Final = {
    "Cache-Control": "no-cache",  # a browser keeps it, and asks each time whether it has changed
    "Access-Control-Allow-Origin": "*",  # modules are loaded by CORS
    "Cross-Origin-Resource-Policy": "cross-origin",  # for pages with Cross-Origin-Embedder-Policy
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}


class SdkFile(Struct, frozen=True, kw_only=True):
    """A file, ready to be served.

    Attributes:
        media_type: The `Content-Type`.
        etag: A strong validator, with its quotes.
        body: The file.
        gzipped: The same for `Content-Encoding: gzip`; its validator is `gzipped_etag`.
        gzipped_etag: A strong validator, with its quotes: RFC 9110, section 8.8.3.3, wants another one.
    """

    media_type: str
    etag: str
    body: bytes
    gzipped: bytes
    gzipped_etag: str


@cache
def sdk_file(name: str) -> SdkFile | None:
    """Read a file of the SDK once; None if there is none of that name."""
    media_type = MEDIA_TYPES.get(name)
    if media_type is None:
        return None
    body = (files(__package__) / name).read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:32]
    return SdkFile(
        media_type=media_type,
        etag=f'"{digest}"',
        body=body,
        gzipped=gzip.compress(body, mtime=0),
        gzipped_etag=f'"{digest}-gzip"',
    )
