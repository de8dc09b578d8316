"""All transports, by their names in the `transport` setting."""

import ssl
from typing import Literal

from worker.edges.http.aiohttp_transport import AiohttpTransport
from worker.edges.http.httptools_transport import HttptoolsTransport
from worker.edges.http.transport import Transport, tls_context
from worker.push.proxy import Proxy

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
    kind: Literal["httptools", "aiohttp"],
    *,
    timeout: float,
    tls: ssl.SSLContext,
    allow_private: bool,
    proxy: Proxy | None,
) -> AiohttpTransport | HttptoolsTransport:
    """Make a transport; must be called inside a running event loop.

    Raises:
        ValueError: A proxy is given to a transport that does not support one.
    """
    if proxy is None:
        return TRANSPORTS[kind](timeout=timeout, tls=tls, allow_private=allow_private)
    if kind != "aiohttp":
        raise ValueError(f"{kind} does not support a proxy")
    return AiohttpTransport(timeout=timeout, tls=tls, allow_private=allow_private, proxy=proxy)
