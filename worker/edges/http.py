"""The transports there are, by the names that the `transport` setting has for them."""

import ssl
from typing import Literal

from worker.edges.aiohttp_transport import AiohttpTransport
from worker.edges.httptools_transport import HttptoolsTransport
from worker.edges.transport import Transport, tls_context

__all__ = [
    "TRANSPORTS",
    "AiohttpTransport",
    "HttptoolsTransport",
    "Transport",
    "make_transport",
    "tls_context",
]

TRANSPORTS: dict[str, type[AiohttpTransport] | type[HttptoolsTransport]] = {
    "httptools": HttptoolsTransport,
    "aiohttp": AiohttpTransport,
}


def make_transport(
    kind: Literal["httptools", "aiohttp"], *, timeout: float, tls: ssl.SSLContext, allow_private: bool
) -> AiohttpTransport | HttptoolsTransport:
    """Make a transport; must be called inside a running event loop."""
    return TRANSPORTS[kind](timeout=timeout, tls=tls, allow_private=allow_private)
