"""Keep-alive connections to push services: one request at a time on each, and what waits for one of them.

Decides when a connection may be used again and when it must go, and when another one is worth its handshake.
Sends nothing a second time: a request whose connection breaks has landed.
"""

import asyncio
import math
from collections import deque
from typing import NamedTuple, cast

from worker.edges.http.http1 import AnswerParser
from worker.edges.http.transport import MayGo, OnAnswer
from worker.push.answers import TransportFailure

BUFFER_BYTES = 16_384
"""As long as a TLS record may be."""

HANDSHAKES = 16
"""Connections to an origin that are opened at once: a burst of hundreds would keep them all from opening in
time, while one that is open already may carry what waits."""


class Connection(asyncio.BufferedProtocol):
    """One connection, from the end of its TLS handshake on.

    Attributes:
        since: When its last request was posted, or it was opened, in the loop's time.
        closing: Says whether nothing more can be sent.
    """

    __slots__ = ("_on_answer", "_parser", "_pool", "_transport", "closing", "since")

    def __init__(self, pool: "Pool") -> None:
        self.since = math.inf
        self._pool = pool
        self._parser = AnswerParser()
        self._on_answer: OnAnswer | None = None

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer."""
        return self._on_answer is not None

    def send(self, wire: bytes, on_answer: OnAnswer, since: float) -> None:
        """Send a request, posted at `since`, on a connection that is neither busy nor closing."""
        self._on_answer = on_answer
        self.since = since
        try:
            self._transport.write(wire)
        except (OSError, RuntimeError):
            self._transport.abort()  # some of it may be out: it lands once the connection is said to be lost

    def cut(self, failure: TransportFailure) -> None:
        """Close at once; a request that is under way lands as `failure`, unless its status has come."""
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
        """See asyncio.BufferedProtocol; one for all, since it is filled and read in one go."""
        return self._pool.buffer

    def buffer_updated(self, count: int) -> None:
        """See asyncio.BufferedProtocol; bytes that nobody asked for would be taken for the next answer."""
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
        """See asyncio.BufferedProtocol; the end of some answers, too (RFC 9112 section 6.3)."""
        self.cut(TransportFailure.RESET)

    def connection_lost(self, _error: Exception | None) -> None:
        """See asyncio.BufferedProtocol."""
        self.cut(TransportFailure.RESET)


class Waiting(NamedTuple):
    """A request that found no idle connection.

    Attributes:
        wire: Its bytes.
        on_answer: Is told how it went.
        may_go: Is asked right before it is written; after a no it is forgotten.
        since: When it was posted, in the loop's time.
    """

    wire: bytes
    on_answer: OnAnswer
    may_go: MayGo
    since: float


class Pool:
    """All connections to one origin, and the requests that wait for one, the first one first.

    A handshake costs as much as a dozen pushes, and takes longer than most answers. So what finds no idle
    connection waits for one in use, at most as long as a handshake took lately; then it is worth another one.

    Args:
        buffer: As the attribute.
        idle_max: Idle connections that are kept.
        patience_max: Seconds that a request waits at most for a connection in use.

    Attributes:
        buffer: What connections read into: without one of its own, each read is given 256 KiB anew.
        waiting: Requests, only while no connection is idle.
        opening: Handshakes under way.
    """

    def __init__(self, buffer: memoryview, idle_max: int, patience_max: float) -> None:
        self.buffer = buffer
        self.waiting: deque[Waiting] = deque()
        self.opening = 0
        self._idle_max = idle_max
        self._patience = self._patience_max = patience_max
        self._open: set[Connection] = set()
        self._idle: dict[Connection, None] = {}  # the last one used is the first one taken

    @property
    def connections(self) -> tuple[Connection, ...]:
        """All that are open."""
        return tuple(self._open)

    @property
    def unused(self) -> bool:
        """Whether there is neither a connection nor anybody who wants one."""
        return not (self._open or self.opening or self.waiting)

    def send(self, wire: bytes, on_answer: OnAnswer, may_go: MayGo, now: float) -> None:
        """Send a request on an idle connection, or let it wait for one."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if not connection.closing():
                connection.send(wire, on_answer, now)
                return
        self.waiting.append(Waiting(wire, on_answer, may_go, now))

    def impatient_at(self) -> float:
        """When one more connection is worth its handshake, in the loop's time; `inf` if none is, so far."""
        if self.opening >= min(HANDSHAKES, len(self.waiting)):
            return math.inf
        return self.waiting[self.opening].since + self._patience if self._open else -math.inf

    def opened(self, connection: Connection, began: float, now: float) -> None:
        """Take in a connection whose handshake began at `began`."""
        self._patience = min(now - began, self._patience_max)
        connection.since = now
        if connection.closing():
            self.fail(TransportFailure.CONNECT)
        else:
            self.rest(connection)

    def fail(self, failure: TransportFailure) -> None:
        """Let whoever waits longest land: the handshake that failed was begun for one of them."""
        if self.waiting:
            self.waiting.popleft().on_answer(failure)

    def rest(self, connection: Connection) -> None:
        """Send what waits longest and may go, or keep the connection for later unless enough are kept."""
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
        """Take note of a new connection, which is not idle."""
        self._open.add(connection)

    def leave(self, connection: Connection) -> None:
        """Forget a connection; once more does no harm."""
        self._open.discard(connection)
        self._idle.pop(connection, None)

    def sweep(self, now: float, *, busy: float, idle: float) -> None:
        """End what has waited too long, in seconds: for an answer, for a connection, or for a request."""
        for connection in self.connections:
            if now - connection.since >= (busy if connection.busy else idle):
                connection.cut(TransportFailure.TIMEOUT)
        while self.waiting and now - self.waiting[0].since >= busy:
            self.fail(TransportFailure.TIMEOUT)

    def close(self) -> None:
        """Let all that is under way land as reset."""
        while self.waiting:
            self.fail(TransportFailure.RESET)
        for connection in self.connections:
            connection.cut(TransportFailure.RESET)
