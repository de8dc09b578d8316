"""The files that browsers load: the SDK's, and those of the page with which `pushmill try` shows it.

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

TRIAL_MEDIA_TYPES: Final = {
    "page.html": "text/html; charset=utf-8",
    "page.js": JAVASCRIPT,
    "style.css": "text/css; charset=utf-8",
    "worker.js": JAVASCRIPT,
}
"""Each file that is served as `/try/NAME`, and `page.html` as `/try`."""

HEADERS: Final = {
    "Cache-Control": "no-cache",  # a browser keeps it, and asks each time whether it has changed
    "Access-Control-Allow-Origin": "*",  # modules are loaded by CORS
    "Cross-Origin-Resource-Policy": "cross-origin",  # for pages with Cross-Origin-Embedder-Policy
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
"""With each file of the SDK."""

TRIAL_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
"""With each file of the trial."""


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


def sdk_file(name: str) -> SdkFile | None:
    """Return a file of the SDK; None if there is none of that name."""
    media_type = MEDIA_TYPES.get(name)
    return _read(name, media_type) if media_type else None


def trial_file(name: str) -> SdkFile | None:
    """Return a file of the trial; None if there is none of that name."""
    media_type = TRIAL_MEDIA_TYPES.get(name)
    return _read(f"trial/{name}", media_type) if media_type else None


@cache
def _read(path: str, media_type: str) -> SdkFile:
    body = (files(__package__) / path).read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:32]
    return SdkFile(
        media_type=media_type,
        etag=f'"{digest}"',
        body=body,
        gzipped=gzip.compress(body, mtime=0),
        gzipped_etag=f'"{digest}-gzip"',
    )
