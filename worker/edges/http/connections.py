"""Keep-alive connections to push services, one request at a time on each, and the requests that wait for one.

Decides when a connection is used again and when it is closed, and when another one is worth its handshake.
Never sends a request twice: if its connection breaks, it has landed. Does not know where connections go to.
"""

import asyncio
import math
from collections import deque
from typing import NamedTuple, cast

from worker.edges.http.http1 import AnswerParser
from worker.edges.http.transport import MayGo, OnAnswer
from worker.push.answers import TransportFailure

BUFFER_BYTES = 16_384
"""The maximum size of a TLS record."""

HANDSHAKES = 16
"""Limit of simultaneous handshakes with an origin: in a burst of hundreds, none would finish in time, while a
connection that is already open could carry what waits."""


class Connection(asyncio.BufferedProtocol):
    """One connection, from the end of its TLS handshake.

    Attributes:
        since: When its last request was posted, or else when it was opened, in the loop's time.
        closing: Returns whether it can no longer send anything.
    """

    __slots__ = ("_on_answer", "_parser", "_pool", "_transport", "closing", "since")

    def __init__(self, pool: "Pool") -> None:
        self.since = math.inf
        self._pool = pool
        self._parser = AnswerParser()
        self._on_answer: OnAnswer | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is waiting for its answer."""
        return self._on_answer is not None

    def send(self, wire: bytes, on_answer: OnAnswer, since: float) -> None:
        """Send a request that was posted at `since`; the connection must be neither busy nor closing."""
        self._on_answer = on_answer
        self.since = since
        try:
            self._transport.write(wire)
        except (OSError, RuntimeError):
            self._transport.abort()  # part of it may be sent: it lands when the connection is reported lost

    def cut(self, failure: TransportFailure) -> None:
        """Close at once; a request in flight lands as `failure`, unless its status has arrived."""
        self._pool.leave(self)
        self._transport.abort()
        if self._on_answer is not None:
            on_answer, self._on_answer = self._on_answer, None
            on_answer(self._parser.cut(failure))

    # ── asyncio ─────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BufferedProtocol."""
        self._transport = cast("asyncio.Transport", transport)
        self.closing = self._transport.is_closing
        self._pool.enter(self)

    def get_buffer(self, _sizehint: int) -> memoryview:
        """See asyncio.BufferedProtocol; all share one buffer, since it is filled and read in one go."""
        return self._pool.buffer

    def buffer_updated(self, count: int) -> None:
        """See asyncio.BufferedProtocol; unsolicited bytes would be taken for the next answer."""
        on_answer = self._on_answer
        if on_answer is None:
            self.cut(TransportFailure.RESET)
            return
        answer = self._parser.feed(self._pool.buffer[:count])
        if answer is None:
            return
        self._on_answer = None
        if self._parser.reusable:
            self._pool.rest(self)
        else:
            self.cut(TransportFailure.RESET)
        on_answer(answer)

    def eof_received(self) -> None:
        """See asyncio.BufferedProtocol; this also ends some answers (RFC 9112 section 6.3)."""
        self.cut(TransportFailure.RESET)

    def connection_lost(self, _error: Exception | None) -> None:
        """See asyncio.BufferedProtocol."""
        self.cut(TransportFailure.RESET)


class Waiting(NamedTuple):
    """A request that found no idle connection.

    Attributes:
        wire: Its bytes.
        on_answer: Called with its answer.
        may_go: Called right before it is written; if it returns False, the request is dropped.
        since: When it was posted, in the loop's time.
    """

    wire: bytes
    on_answer: OnAnswer
    may_go: MayGo
    since: float


class Pool:
    """All connections to one origin, and the requests that wait for one, in order of arrival.

    A handshake costs as much as a dozen pushes, and takes longer than most answers. So a request that finds
    no idle connection waits for one in use, at most as long as the last handshake took; after that, a new
    connection is worth its handshake.

    Args:
        buffer: See the attribute.
        idle_max: Maximum number of idle connections.
        patience_max: Maximum seconds that a request waits for a connection in use.

    Attributes:
        buffer: Where connections read into: without it, asyncio would allocate 256 KiB for each read.
        waiting: Requests without a connection; empty while one is idle.
        opening: Number of handshakes in progress.
    """

    def __init__(self, buffer: memoryview, idle_max: int, patience_max: float) -> None:
        self.buffer = buffer
        self.waiting: deque[Waiting] = deque()
        self.opening = 0
        self._idle_max = idle_max
        self._patience = self._patience_max = patience_max
        self._open: set[Connection] = set()
        self._idle: dict[Connection, None] = {}  # last in, first out

    @property
    def connections(self) -> tuple[Connection, ...]:
        """All open connections."""
        return tuple(self._open)

    @property
    def unused(self) -> bool:
        """Whether there is neither a connection nor a request for one."""
        return not (self._open or self.opening or self.waiting)

    def send(self, wire: bytes, on_answer: OnAnswer, may_go: MayGo, now: float) -> None:
        """Send a request on an idle connection, or queue it."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if not connection.closing():
                connection.send(wire, on_answer, now)
                return
        self.waiting.append(Waiting(wire, on_answer, may_go, now))

    def impatient_at(self) -> float:
        """Return when another connection is worth its handshake, in the loop's time; `inf` if none is yet."""
        if self.opening >= min(HANDSHAKES, len(self.waiting)):
            return math.inf
        return self.waiting[self.opening].since + self._patience if self._open else -math.inf

    def opened(self, connection: Connection, began: float, now: float) -> None:
        """Use a new connection, whose handshake began at `began`."""
        self._patience = min(now - began, self._patience_max)
        connection.since = now
        if connection.closing():
            self.fail(TransportFailure.CONNECT)
        else:
            self.rest(connection)

    def fail(self, failure: TransportFailure) -> None:
        """Land the request that has waited longest: the failed handshake was begun for one of them."""
        if self.waiting:
            self.waiting.popleft().on_answer(failure)

    def rest(self, connection: Connection) -> None:
        """Send the next request that may go; without one, keep the connection unless enough are idle."""
        while self.waiting and not connection.closing():
            first = self.waiting.popleft()
            if first.may_go():
                connection.send(first.wire, first.on_answer, first.since)
                return
        if len(self._idle) < self._idle_max:
            self._idle[connection] = None
        else:
            connection.cut(TransportFailure.RESET)

    def enter(self, connection: Connection) -> None:
        """Register a new connection, which is not idle."""
        self._open.add(connection)

    def leave(self, connection: Connection) -> None:
        """Forget a connection; idempotent."""
        self._open.discard(connection)
        self._idle.pop(connection, None)

    def sweep(self, now: float, *, busy: float, idle: float) -> None:
        """End whatever has waited too long, in seconds: for an answer, a connection, or the next request."""
        for connection in self.connections:
            if now - connection.since >= (busy if connection.busy else idle):
                connection.cut(TransportFailure.TIMEOUT)
        while self.waiting and now - self.waiting[0].since >= busy:
            self.fail(TransportFailure.TIMEOUT)

    def close(self) -> None:
        """Land all requests as reset, and close all connections."""
        while self.waiting:
            self.fail(TransportFailure.RESET)
        for connection in self.connections:
            connection.cut(TransportFailure.RESET)
