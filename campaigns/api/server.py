"""Serving HTTP: one catch-all handler before the gateway, a bounded body, an access log without secrets.

aiohttp's own router is not used: it cannot match `//push/tasks`, and would redirect it. Knows no route.
"""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from socket import socket
from types import TracebackType
from typing import Self

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from campaigns.adapters.messages import HttpAnswer, HttpRequest
from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.api.addresses import Network, client_address
from campaigns.api.gateway import Gateway, Handled
from campaigns.api.holding import Holding
from campaigns.metrics import Metrics
from worker.edges import clock

log = structlog.get_logger(__name__)

BODY_MAX_BYTES = 1 << 20
KEEP_ALIVE_SECONDS = 75.0


class ApiServer:
    """Serves the API on sockets while its `async with` block runs.

    On leaving it, what is under way may finish; new connections are refused.

    Args:
        gateway: Answers requests.
        sockets: Listening ones; closed with the server.
        proxies: Networks whose `X-Forwarded-For` counts.
        metrics: Count requests.
        drain_seconds: How long requests may take to finish when stopping.
    """

    def __init__(
        self,
        gateway: Gateway,
        sockets: Sequence[socket],
        *,
        proxies: Sequence[Network] = (),
        metrics: Metrics,
        drain_seconds: float,
    ) -> None:
        self._holding = Holding()
        self._gateway = gateway
        self._sockets = sockets
        self._proxies = tuple(proxies)
        self._metrics = metrics
        server = web.Server(
            self._serve, access_log=None, logger=_unreadable(), keepalive_timeout=KEEP_ALIVE_SECONDS
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=drain_seconds)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        for each in self._sockets:
            await web.SockSite(self._runner, each).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holding.end()
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._sockets[0].getsockname()[1])

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        began = clock.monotonic()
        asked = self._request(request)
        handled = await self._gateway.answer(asked, lambda: _read(request))
        seconds = clock.monotonic() - began
        self._metrics.count_request(handled.adapter, handled.route, handled.answer.status, seconds)
        _log(asked, handled, seconds)
        if handled.answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            await self._holding.hold()
        return _response(handled.answer)

    def _request(self, request: web.BaseRequest) -> HttpRequest:
        path, _, query = _target(request.raw_path)
        headers: dict[str, str] = {}
        for name, raw in request.headers.items():
            key, value = name.lower(), _text(raw)
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        address = client_address(request.remote or "", headers.get("x-forwarded-for", ""), self._proxies)
        return HttpRequest(request.method, path, query, headers, address=address)


def _text(raw: str) -> str:
    """Return the value of a header; aiohttp keeps bytes that are no UTF-8 as halves of pairs."""
    return raw if raw.isascii() else raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _target(raw: str) -> tuple[str, str, str]:
    """Split a request's target (RFC 9112 section 3.2) into path, `?` and query."""
    if "://" in raw.partition("?")[0] and not raw.startswith("/"):
        _, _, rest = raw.partition("://")
        _, slash, path = rest.partition("/")
        raw = slash + path or "/"
    return raw.partition("#")[0].partition("?")


async def _read(request: web.BaseRequest) -> bytes:
    length = request.content_length
    if length is not None and length > BODY_MAX_BYTES:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > BODY_MAX_BYTES:
                raise _too_large()
            chunks.append(chunk)
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
        raise RefusedError(Reason.MALFORMED, "The body breaks off, or cannot be unpacked.") from None
    return b"".join(chunks)


def _too_large() -> RefusedError:
    return RefusedError(Reason.TOO_LARGE, f"The body has more than {BODY_MAX_BYTES:,} bytes.")


def _response(answer: HttpAnswer) -> web.Response:
    headers = {"Server": "pushmill", **answer.headers}
    if answer.media_type:
        headers["Content-Type"] = answer.media_type
    return web.Response(status=answer.status, body=answer.body or None, headers=headers)


def _unreadable() -> logging.Logger:
    """Return where aiohttp reports what is no HTTP; neither its words nor whom it came from go further."""
    found = logging.getLogger(f"{__name__}.aiohttp")
    if not found.filters:
        found.addFilter(_without_words)
    return found


def _without_words(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    record.msg = f"a connection is given up: {kind.__name__ if kind else 'unreadable'}"
    record.args, record.exc_info = (), None
    record.levelno, record.levelname = logging.INFO, "INFO"
    return True


def _log(asked: HttpRequest, handled: Handled, seconds: float) -> None:
    log.info(
        "request",
        adapter=handled.adapter,
        method=asked.method if asked.method in _METHODS else "other",
        route=handled.route,
        status=handled.answer.status,
        milliseconds=round(seconds * 1000, 1),
    )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
