"""A transport with connections of its own and httptools as the parser: the one for the hot path.

A request costs one write on an idle connection: no task, no timer, no object of an HTTP client. Decides where
connections go to, and when time is up.
"""

import asyncio
import math
import socket
import ssl
from functools import partial
from types import TracebackType
from typing import Self

from aiohappyeyeballs import start_connection

from worker.edges.clock import TIMER_SECONDS
from worker.edges.http.connections import BUFFER_BYTES, Connection, Pool
from worker.edges.http.http1 import request_bytes
from worker.edges.http.resolver import AddressBook, AddressRefusedError
from worker.edges.http.transport import IDLE_SECONDS, MayGo, OnAnswer, always
from worker.push.answers import TransportFailure
from worker.push.request import PushRequest
from worker.push.services import Origin

IDLE_MAX = 1024
"""Idle connections to an origin: more than are commonly in use at once, since a handshake costs as much as a
dozen pushes."""

SWEEPS_A_TIMEOUT = 20
"""How often time-outs are checked within one time-out: a request may take a twentieth longer."""

NEXT_ADDRESS_SECONDS = 0.25
"""Delay before the next address is tried in parallel: RFC 8305 section 5."""


class HttptoolsTransport:
    """A `Transport`; must be created inside a running event loop.

    Args:
        timeout: Seconds for a whole request; it may take up to a twentieth longer.
        tls: How push services are verified.
        allow_private: Whether it may connect to addresses that are not public.
        idle_seconds: Seconds that an idle connection is kept.
        idle_max: Maximum number of idle connections to one origin.
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
        self._sweep_seconds = timeout / SWEEPS_A_TIMEOUT
        buffer = memoryview(bytearray(BUFFER_BYTES))
        self._new_pool = partial(Pool, buffer, idle_max, patience_max=self._sweep_seconds)
        self._pools: dict[str, Pool] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._opening: set[asyncio.Task[Connection]] = set()
        self._closed = False
        self._sweeper = self._loop.call_later(self._sweep_seconds, self._sweep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def post(self, request: PushRequest, on_answer: OnAnswer, may_go: MayGo = always) -> None:
        """See `Transport.post`."""
        if self._closed:
            self._loop.call_soon(on_answer, TransportFailure.RESET)
            return
        try:
            wire = request_bytes(request)
        except ValueError:  # any HTTP client would refuse to send it
            self._loop.call_soon(on_answer, TransportFailure.BAD_ANSWER)
            return
        origin = request.endpoint.origin
        pool = self._pools.get(origin.url)
        if pool is None:
            pool = self._pools[origin.url] = self._new_pool()
        pool.send(wire, on_answer, may_go, self._loop.time())
        if pool.waiting and origin.url not in self._timers:
            self._open_due(origin)

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True
        self._sweeper.cancel()
        self._addresses.close()
        for timer in self._timers.values():
            timer.cancel()
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for pool in self._pools.values():
            self._loop.call_soon(pool.close)
        await asyncio.sleep(0)

    def _sweep(self) -> None:
        self._sweeper = self._loop.call_later(self._sweep_seconds, self._sweep)
        now = self._loop.time()
        for pool in list(self._pools.values()):
            pool.sweep(now, busy=self._timeout, idle=self._idle_seconds)
        self._pools = {origin: pool for origin, pool in self._pools.items() if not pool.unused}

    # ── new connections ─────────────────────────────────────────────────────────────────────────────────

    def _open_due(self, origin: Origin) -> None:
        """Open the connections that are worth it by now, and schedule a look at the next one."""
        self._timers.pop(origin.url, None)
        pool = self._pools.get(origin.url)
        if pool is None:
            return  # unused for a while
        now = self._loop.time()
        while (at := pool.impatient_at()) <= now:
            self._open(origin, pool, now)
        if at < math.inf:
            self._timers[origin.url] = self._loop.call_at(at + TIMER_SECONDS, self._open_due, origin)

    def _open(self, origin: Origin, pool: Pool, now: float) -> None:
        pool.opening += 1
        task = self._loop.create_task(self._connect(origin, pool, now + self._timeout))
        self._opening.add(task)
        # Not in the task itself: a task that is cancelled before its first step never runs.
        task.add_done_callback(partial(self._opened, origin, pool, now))

    def _opened(self, origin: Origin, pool: Pool, began: float, task: asyncio.Task[Connection]) -> None:
        self._opening.discard(task)
        pool.opening -= 1
        if self._closed or task.cancelled():
            return  # `close` lands what waits
        error = task.exception()
        if error is None:
            pool.opened(task.result(), began, self._loop.time())
        else:
            pool.fail(_failure(error))
        if origin.url not in self._timers:
            self._open_due(origin)
        if error is not None and not isinstance(error, _EXPECTED):
            raise error  # a bug of ours, reported by the event loop

    async def _connect(self, origin: Origin, pool: Pool, deadline: float) -> Connection:
        async with asyncio.timeout_at(deadline):
            addresses = await self._addresses.find(origin.host, origin.port)
            connected = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await self._loop.create_connection(
                partial(Connection, pool), sock=connected, ssl=self._tls, server_hostname=origin.host
            )
        return connection


def _failure(error: BaseException) -> TransportFailure:
    """Return why a connection could not be opened; the order matters, since most of these are OSErrors."""
    return next((failure for kind, failure in _FAILURES if isinstance(error, kind)), TransportFailure.CONNECT)


_FAILURES: tuple[tuple[type[Exception], TransportFailure], ...] = (
    (AddressRefusedError, TransportFailure.ADDRESS_REFUSED),
    (socket.gaierror, TransportFailure.DNS),
    (UnicodeError, TransportFailure.DNS),
    (TimeoutError, TransportFailure.TIMEOUT),
    (ssl.SSLError, TransportFailure.TLS),
)
# uvloop raises RuntimeError if a connection is gone before it is looked at.
_EXPECTED = (OSError, UnicodeError, RuntimeError)
