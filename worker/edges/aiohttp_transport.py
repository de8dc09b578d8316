"""Posting a request to a push service with aiohttp, and saying what came of it.

For whoever needs what an HTTP client brings along; the other transport costs a quarter of its CPU time.
"""

import asyncio
import socket
import ssl
from functools import partial
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from worker.addresses import is_public
from worker.answers import ANSWER_HEADERS, Answer, PushResponse, TransportFailure
from worker.edges.resolver import ADDRESSES_KEPT_SECONDS, AddressRefusedError, look_up
from worker.edges.transport import ANSWER_MAX_BYTES, IDLE_SECONDS, USER_AGENT, Landed
from worker.request import PushRequest


class GuardedResolver(AbstractResolver):
    """Resolves names to public addresses alone: one that is not refuses the whole name."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look a name up, and check each of its addresses.

        Raises:
            AddressRefusedError: One of them is not public.
            OSError: The name cannot be resolved.
        """
        found = await look_up(host, port, allow_private=self._allow_private, family=family)
        return [_result(host, port, family, sockaddr[0]) for family, _, _, _, sockaddr in found]

    async def close(self) -> None:
        """Nothing is held."""


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


class _Connector(aiohttp.TCPConnector):
    """Takes no idle connection on which bytes have come that nobody asked for, and drops broken ones at once.

    aiohttp would take such bytes for the answer to the next request: a stale 408 or 410 for a push that was
    taken. And it would wait half a minute for a server that hangs to end TLS, longer than the loop may live.
    """

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


class AiohttpTransport:
    """A `Transport` on one aiohttp session; must be created inside a running event loop."""

    def __init__(self, *, timeout: float, tls: ssl.SSLContext, allow_private: bool) -> None:
        self._allow_private = allow_private
        connector = _Connector(
            limit=0,  # the limiter decides how many requests there are
            resolver=GuardedResolver(allow_private=allow_private),
            ttl_dns_cache=int(ADDRESSES_KEPT_SECONDS),
            keepalive_timeout=IDLE_SECONDS,
            ssl=tls,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type"),
            auto_decompress=False,
            trust_env=False,
        )
        self._tasks: set[asyncio.Task[Answer]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def post(self, request: PushRequest, landed: Landed) -> None:
        """As `Transport.post`."""
        task = asyncio.create_task(self._exchange(request))
        self._tasks.add(task)
        task.add_done_callback(partial(self._land, landed))

    async def close(self) -> None:
        """As `Transport.close`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def _land(self, landed: Landed, task: asyncio.Task[Answer]) -> None:
        # Not in the task itself: one that is cancelled before its first step runs no line of its own.
        self._tasks.discard(task)
        failed = task.cancelled() or task.exception() is not None
        landed(TransportFailure.RESET if failed else task.result())
        if failed and not task.cancelled():
            task.result()  # a mistake of our own, told by the event loop

    async def _exchange(self, request: PushRequest) -> Answer:
        if not self._allow_private and _is_private_literal(request.endpoint.origin.host):
            return TransportFailure.ADDRESS_REFUSED  # aiohttp asks the resolver for names alone
        url = URL(request.endpoint.origin.url + request.endpoint.target, encoded=True)
        try:
            response = await self._session.post(
                url, data=request.body, headers=request.headers, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return _failure(error)
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
    """Read what matters of an answer; its status is known, so nothing that follows can undo it."""
    headers = {name: response.headers[name] for name in ANSWER_HEADERS if name in response.headers}
    body = b""
    try:
        while len(body) < ANSWER_MAX_BYTES and not response.content.at_eof():
            body += await response.content.read(ANSWER_MAX_BYTES - len(body))
    except (aiohttp.ClientError, TimeoutError, OSError, asyncio.CancelledError):
        pass  # cut off, too slow, or told to close: what the status says stands
    finally:
        if response.content.at_eof():
            response.release()
        else:
            response.close()
    return PushResponse(response.status, headers, body)


def _failure(error: Exception) -> TransportFailure:
    """Say whose fault a failed request is; the order matters, since aiohttp's errors inherit from many."""
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
