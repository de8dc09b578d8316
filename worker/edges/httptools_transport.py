"""Posting requests on connections of our own, with httptools to read the answers: the hot path's transport.

A request costs one write on an idle connection: no task, no timer, no object of an HTTP client. Decides where
connections go to, and when time is up.
"""

import asyncio
import socket
import ssl
from collections import defaultdict
from functools import partial
from types import TracebackType
from typing import Self

from aiohappyeyeballs import start_connection

from worker.answers import TransportFailure
from worker.edges.connections import Connection, Pool
from worker.edges.http1 import request_bytes
from worker.edges.resolver import AddressBook, AddressRefusedError
from worker.edges.transport import IDLE_SECONDS, Landed
from worker.request import PushRequest
from worker.services import Origin

IDLE_MAX = 1024
"""Idle connections to an origin: above what is commonly under way at once, since a handshake costs as much as
a dozen pushes."""

HANDSHAKES = 16
"""Connections to an origin that are opened at once: a burst of hundreds would keep them all from opening in
time, while one that is open already may carry what waits."""

SWEEPS_A_TIMEOUT = 20
NEXT_ADDRESS_SECONDS = 0.25
"""After which the next address is tried besides: RFC 8305 section 5."""


class HttptoolsTransport:
    """A `Transport`; must be created inside a running event loop.

    Args:
        timeout: Seconds for a request in all, a twentieth more at most.
        tls: How push services are verified.
        allow_private: Whether addresses that are not public may be connected to.
        idle_seconds: After a request, that its connection is kept for the next one.
        idle_max: Idle connections to one origin.
    """

    def __init__(
        self,
        *,
        timeout: float,
        tls: ssl.SSLContext,
        allow_private: bool,
        idle_seconds: float = IDLE_SECONDS,
        idle_max: int = IDLE_MAX,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._idle_seconds = idle_seconds
        self._tls = tls
        self._addresses = AddressBook(allow_private=allow_private)
        self._pool = Pool(idle_max)
        self._opening: set[asyncio.Task[Connection]] = set()
        self._handshakes: defaultdict[str, asyncio.Semaphore] = defaultdict(_handshakes)
        self._closed = False
        self._sweeper = self._loop.call_later(self._timeout / SWEEPS_A_TIMEOUT, self._sweep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def post(self, request: PushRequest, landed: Landed) -> None:
        """As `Transport.post`."""
        if self._closed:
            self._loop.call_soon(landed, TransportFailure.RESET)
            return
        try:
            wire = request_bytes(request)
        except ValueError:  # as what any HTTP client would refuse to send
            self._loop.call_soon(landed, TransportFailure.BAD_ANSWER)
            return
        origin = request.endpoint.origin
        now = self._loop.time()
        connection = self._pool.take(origin.url)
        if connection is None:
            self._open(origin, wire, landed, now)
        else:
            connection.send(wire, landed, now)

    async def close(self) -> None:
        """As `Transport.close`."""
        self._closed = True
        self._sweeper.cancel()
        self._addresses.close()
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in self._pool.connections:
            self._loop.call_soon(connection.cut, TransportFailure.RESET)
        await asyncio.sleep(0)

    def _sweep(self) -> None:
        self._sweeper = self._loop.call_later(self._timeout / SWEEPS_A_TIMEOUT, self._sweep)
        self._pool.sweep(self._loop.time(), busy=self._timeout, idle=self._idle_seconds)
        if not self._opening:
            self._handshakes.clear()

    # ── new connections ─────────────────────────────────────────────────────────────────────────────────

    def _open(self, origin: Origin, wire: bytes, landed: Landed, now: float) -> None:
        task = self._loop.create_task(self._connect(origin, now + self._timeout))
        self._opening.add(task)
        # Not in the task itself: one that is cancelled before its first step runs no line of its own.
        task.add_done_callback(partial(self._opened, wire, landed, now))

    def _opened(self, wire: bytes, landed: Landed, now: float, task: asyncio.Task[Connection]) -> None:
        self._opening.discard(task)
        if self._closed or task.cancelled():
            landed(TransportFailure.RESET)
        elif error := task.exception():
            landed(_failure(error))
            if not isinstance(error, _OURS_TO_EXPECT):
                raise error  # a mistake of our own, told by the event loop
        elif task.result().closing():
            landed(TransportFailure.CONNECT)
        else:
            task.result().send(wire, landed, now)

    async def _connect(self, origin: Origin, deadline: float) -> Connection:
        async with asyncio.timeout_at(deadline), self._handshakes[origin.url]:
            idle = self._pool.take(origin.url)
            if idle is not None:  # another request has landed in the meantime
                return idle
            addresses = await self._addresses.find(origin.host, origin.port)
            connected = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await self._loop.create_connection(
                partial(Connection, self._pool, origin.url),
                sock=connected,
                ssl=self._tls,
                server_hostname=origin.host,
            )
        return connection


def _handshakes() -> asyncio.Semaphore:
    return asyncio.Semaphore(HANDSHAKES)


def _failure(error: BaseException) -> TransportFailure:
    """Say what keeps a connection from opening; the order matters, since most of these are OSErrors."""
    return next((failure for kind, failure in _FAILURES if isinstance(error, kind)), TransportFailure.CONNECT)


_FAILURES: tuple[tuple[type[Exception], TransportFailure], ...] = (
    (AddressRefusedError, TransportFailure.ADDRESS_REFUSED),
    (socket.gaierror, TransportFailure.DNS),
    (UnicodeError, TransportFailure.DNS),
    (TimeoutError, TransportFailure.TIMEOUT),
    (ssl.SSLError, TransportFailure.TLS),
)
# uvloop raises RuntimeError where a connection is gone before it is looked at.
_OURS_TO_EXPECT = (OSError, UnicodeError, RuntimeError)
