"""Keep-alive connections to push services: one request at a time on each, and where the idle ones wait.

Decides when a connection may be used again and when it must go. Sends nothing a second time: a request whose
connection breaks has landed.
"""

import asyncio
import math
from collections import defaultdict
from typing import cast

from worker.answers import TransportFailure
from worker.edges.http1 import AnswerParser
from worker.edges.transport import Landed

BUFFER_BYTES = 16_384
"""As long as a TLS record may be."""


class Connection(asyncio.BufferedProtocol):
    """One connection, from the end of its TLS handshake on.

    Attributes:
        origin: `Origin.url` of its push service.
        since: When its last request went out, in the loop's time.
        closing: Says whether nothing more can be sent.
    """

    __slots__ = ("_landed", "_parser", "_pool", "_transport", "closing", "origin", "since")

    def __init__(self, pool: "Pool", origin: str) -> None:
        self.origin = origin
        self.since = math.inf
        self._pool = pool
        self._parser = AnswerParser()
        self._landed: Landed | None = None

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer."""
        return self._landed is not None

    def send(self, wire: bytes, landed: Landed, now: float) -> None:
        """Send a request on a connection that is neither busy nor closing."""
        self._landed = landed
        self.since = now
        try:
            self._transport.write(wire)
        except (OSError, RuntimeError):
            self._transport.abort()  # some of it may be out: it lands once the connection is said to be lost

    def cut(self, failure: TransportFailure) -> None:
        """Close at once; a request that is under way lands as `failure`, unless its status has come."""
        self._pool.leave(self)
        self._transport.abort()
        if self._landed is not None:
            landed, self._landed = self._landed, None
            landed(self._parser.cut(failure))

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
        landed = self._landed
        if landed is None:
            self.cut(TransportFailure.RESET)
            return
        answer = self._parser.feed(self._pool.buffer[:count])
        if answer is None:
            return
        self._landed = None
        if self._parser.reusable:
            self._pool.rest(self)
        else:
            self.cut(TransportFailure.RESET)
        landed(answer)

    def eof_received(self) -> None:
        """See asyncio.BufferedProtocol; the end of some answers, too (RFC 9112 section 6.3)."""
        self.cut(TransportFailure.RESET)

    def connection_lost(self, _error: Exception | None) -> None:
        """See asyncio.BufferedProtocol."""
        self.cut(TransportFailure.RESET)


class Pool:
    """All open connections, and by origin those that are idle; the last one used is the first one taken.

    Attributes:
        buffer: What connections read into: without one of its own, each read is given 256 KiB anew.
    """

    def __init__(self, idle_max: int) -> None:
        self.buffer = memoryview(bytearray(BUFFER_BYTES))
        self._idle_max = idle_max
        self._open: set[Connection] = set()
        self._idle: defaultdict[str, dict[Connection, None]] = defaultdict(dict)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """All that are open."""
        return tuple(self._open)

    def take(self, origin: str) -> Connection | None:
        """Take out an idle connection that can be sent on."""
        idle = self._idle[origin]
        while idle:
            connection, _ = idle.popitem()
            if not connection.closing():
                return connection
        return None

    def enter(self, connection: Connection) -> None:
        """Take note of a new connection, which is not idle."""
        self._open.add(connection)

    def rest(self, connection: Connection) -> None:
        """Keep a connection for the next request, or close it where enough of them wait."""
        idle = self._idle[connection.origin]
        if len(idle) < self._idle_max:
            idle[connection] = None
        else:
            connection.cut(TransportFailure.RESET)

    def leave(self, connection: Connection) -> None:
        """Forget a connection; once more does no harm."""
        self._open.discard(connection)
        self._idle[connection.origin].pop(connection, None)

    def sweep(self, now: float, *, busy: float, idle: float) -> None:
        """Close what has waited too long, in seconds: for an answer, or for a request."""
        for connection in self.connections:
            if now - connection.since >= (busy if connection.busy else idle):
                connection.cut(TransportFailure.TIMEOUT)
        for origin in [origin for origin, waiting in self._idle.items() if not waiting]:
            del self._idle[origin]
