"""A transport on aiohttp.

For what a full HTTP client offers, such as a proxy; the other transport costs a fraction of its CPU time
(benchmarks/results/results.md).
"""

import asyncio
import logging
import socket
import ssl
from contextvars import ContextVar
from functools import partial
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from worker.edges.http.http1 import START_KEPT, accepted
from worker.edges.http.resolver import ADDRESSES_KEPT_SECONDS, AddressBook, AddressRefusedError, look_up
from worker.edges.http.transport import ANSWER_MAX_BYTES, IDLE_SECONDS, USER_AGENT, MayGo, OnAnswer, always
from worker.push.addresses import is_public
from worker.push.answers import ANSWER_HEADERS, Answer, PushResponse, TransportFailure
from worker.push.proxy import Proxy
from worker.push.request import PushRequest
from worker.push.services import HTTPS_PORT

_log = logging.getLogger(__name__)


class GuardedResolver(AbstractResolver):
    """Resolves names to public addresses only: one address that is not public refuses the name."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look up a name, and check each of its addresses.

        Raises:
            AddressRefusedError: One of them is not public.
            OSError: The name cannot be resolved.
        """
        found = await look_up(host, port, allow_private=self._allow_private, family=family)
        return [_result(host, port, family, sockaddr[0]) for family, _, _, _, sockaddr in found]

    async def close(self) -> None:
        """Do nothing: it holds no resources."""


def _result(
    hostname: str, port: int, family: socket.AddressFamily, address: str | int | bytes
) -> ResolveResult:
    return ResolveResult(
        hostname=hostname,
        host=str(address),
        port=port,
        family=family,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST,
    )


class _Handler(ResponseHandler):
    """Keeps the start of each answer, since aiohttp does not tell the status of one that it cannot read."""

    start = b""

    def set_response_params(self, **how: Any) -> None:
        self.start = b""
        super().set_response_params(**how)

    def data_received(self, data: bytes) -> None:
        self.start += data[: START_KEPT - len(self.start)]
        super().data_received(data)


class _Connector(aiohttp.TCPConnector):
    """Does not reuse an idle connection that has received unsolicited bytes, and drops broken ones at once.

    aiohttp would take such bytes for the answer to the next request: a stale 408 or 410 for a push that was
    accepted. And it would wait half a minute for a hanging server to end TLS, longer than the loop may live.

    Args:
        book: Checks the addresses of endpoints if a proxy connects to them.
        how: See `TCPConnector`.
    """

    def __init__(self, *, book: AddressBook | None, **how: Any) -> None:
        super().__init__(**how)
        self._factory = cast("partial[ResponseHandler]", partial(_Handler, loop=self._loop))
        self._book = book

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own, for the whole request
    ) -> ResponseHandler:
        if self._book is not None:
            try:
                await self._book.find(req.host, req.port or HTTPS_PORT)
            except OSError as error:
                raise aiohttp.ClientConnectorDNSError(req.connection_key, error) from error
        return await super()._create_connection(req, traces, timeout)

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()
        return None

    def _release(self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        if should_close or protocol.should_close:
            protocol.abort()
        super()._release(key, protocol, should_close=should_close)


class _Recalled(Exception):  # noqa: N818 - not an error, but the way out of aiohttp
    """A request that had to wait may no longer be sent."""


_may_go: ContextVar[MayGo] = ContextVar("may_go", default=always)
"""Set for the request of the current task: aiohttp has no way to pass it along."""

_handler: ContextVar[_Handler | None] = ContextVar("handler", default=None)
"""Reads the answer for the current task, once its request has a connection."""


class _Request(ClientRequest):
    """Calls `may_go` once it has a connection."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if not _may_go.get()():
            raise _Recalled
        if isinstance(conn.protocol, _Handler):
            _handler.set(conn.protocol)
        return await super().send(conn)


class AiohttpTransport:
    """A `Transport` on one aiohttp session; must be created inside a running event loop.

    With a proxy, all requests go through its tunnels, with TLS from here to the push service. The proxy is
    given names, not addresses: aiohttp's CONNECT carries the endpoint's name as its Host in any case, and
    proxies allow hosts by name. So addresses are checked here before each tunnel, and the proxy, which looks
    names up again, must itself keep out of private networks.
    """

    def __init__(
        self, *, timeout: float, tls: ssl.SSLContext, allow_private: bool, proxy: Proxy | None = None
    ) -> None:
        self._allow_private = allow_private
        self._book = None if proxy is None or allow_private else AddressBook(allow_private=False)
        connector = _Connector(
            book=self._book,
            limit=0,  # the caller limits the number of requests
            # With a proxy it resolves only the proxy's name, which the operator chose and may be private.
            resolver=GuardedResolver(allow_private=allow_private or proxy is not None),
            ttl_dns_cache=int(ADDRESSES_KEPT_SECONDS),
            keepalive_timeout=IDLE_SECONDS,
            ssl=tls,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            request_class=_Request,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type"),
            auto_decompress=False,
            trust_env=False,
            proxy=proxy.url if proxy else None,
        )
        login = proxy.authorization if proxy else None
        self._proxy_headers = {"Proxy-Authorization": login} if login else None
        self._tasks: set[asyncio.Task[Answer | None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def post(self, request: PushRequest, on_answer: OnAnswer, may_go: MayGo = always) -> None:
        """See `Transport.post`."""
        task = asyncio.create_task(self._exchange(request, may_go))
        self._tasks.add(task)
        task.add_done_callback(partial(self._land, on_answer))

    async def close(self) -> None:
        """See `Transport.close`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()
        if self._book:
            self._book.close()

    def _land(self, on_answer: OnAnswer, task: asyncio.Task[Answer | None]) -> None:
        # Not in the task itself: a task that is cancelled before its first step never runs.
        self._tasks.discard(task)
        failed = task.cancelled() or task.exception() is not None
        answer = TransportFailure.RESET if failed else task.result()
        if answer is not None:
            on_answer(answer)
        if failed and not task.cancelled():
            task.result()  # a bug of ours, reported by the event loop

    async def _exchange(self, request: PushRequest, may_go: MayGo) -> Answer | None:
        """Return a request's answer, or None if it was recalled."""
        _may_go.set(may_go)
        if not self._allow_private and _is_private_literal(request.endpoint.origin.host):
            return TransportFailure.ADDRESS_REFUSED  # aiohttp asks the resolver only for names
        url = URL(request.endpoint.origin.url + request.endpoint.target, encoded=True)
        try:
            response = await self._session.post(
                url,
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                proxy_headers=self._proxy_headers,
            )
        except _Recalled:
            return None
        except aiohttp.ClientHttpProxyError as error:
            # The standard library's log, which writes to standard error if none is configured.
            _log.warning("the proxy refuses to connect to a push service: it answers %d", error.status)
            return TransportFailure.CONNECT
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            handler = _handler.get()  # is falsy while its queue is empty
            return (None if handler is None else accepted(handler.start)) or _failure(error)
        return await _read(response)


def _is_private_literal(host: str) -> bool:
    return host[-1].isdecimal() and _is_address(host) and not is_public(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _read(response: aiohttp.ClientResponse) -> PushResponse:
    """Read the relevant part of an answer; its status is known, so nothing that follows can undo it."""
    headers = {name: response.headers[name] for name in ANSWER_HEADERS if name in response.headers}
    body = b""
    try:
        while len(body) < ANSWER_MAX_BYTES and not response.content.at_eof():
            body += await response.content.read(ANSWER_MAX_BYTES - len(body))
    except (aiohttp.ClientError, TimeoutError, OSError, asyncio.CancelledError):
        pass  # cut off, too slow, or closed: the status stands
    finally:
        if response.content.at_eof():
            response.release()
        else:
            response.close()
    return PushResponse(response.status, headers, body)


def _failure(error: Exception) -> TransportFailure:
    """Return the kind of a failure; the order matters, since aiohttp's errors have several bases."""
    if isinstance(error.__cause__, AddressRefusedError) or isinstance(error, AddressRefusedError):
        return TransportFailure.ADDRESS_REFUSED
    return next((failure for kinds, failure in _FAILURES if isinstance(error, kinds)), TransportFailure.RESET)


_FAILURES: tuple[tuple[tuple[type[Exception], ...], TransportFailure], ...] = (
    ((TimeoutError,), TransportFailure.TIMEOUT),
    ((aiohttp.ClientSSLError,), TransportFailure.TLS),
    ((aiohttp.ClientConnectorDNSError,), TransportFailure.DNS),
    ((aiohttp.ClientConnectorError,), TransportFailure.CONNECT),
    ((aiohttp.ClientResponseError, aiohttp.ClientPayloadError, ValueError), TransportFailure.BAD_ANSWER),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientError, OSError), TransportFailure.RESET),
)
