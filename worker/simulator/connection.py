"""One HTTP/1.1 connection of the simulated push service: bytes in, requests to a handler, answers out.

Answers are sent in the order of their requests, whatever the delays. The immediate answers to requests that
arrive in one piece are sent in one piece, too.
"""

import asyncio
import ipaddress
from collections import deque
from typing import Protocol, cast

import httptools
import msgspec

from worker.simulator.answers import Fault, ScriptedAnswer, render
from worker.simulator.rules import ReceivedRequest
from worker.simulator.transport_faults import PERFORMANCES, reset

MAX_REQUEST_BODY = 8_000_000
"""Bytes; far above the limit for a push, so that one that is too large is answered rather than cut off."""

_MAX_WAITING = 64
_BAD_REQUEST = render(ScriptedAnswer(400, body="malformed request\n"), now=0.0, close=True)
_TOO_LARGE = render(ScriptedAnswer(413, body="body too large\n"), now=0.0, close=True)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An answer as bytes, and what must happen to them and to the connection."""

    wire: bytes
    close: bool = False
    delay: float = 0.0
    fault: Fault | None = None


class Handler(Protocol):
    """What a connection needs from the service that answers its requests."""

    pace: float
    closed: bool

    def connected(self) -> None:
        """A connection has been opened."""

    def disconnected(self) -> None:
        """A connection has been closed."""

    def resets(self, target: bytes) -> bool:
        """Return whether to reset the connection before the body of this request is read."""

    def answer(self, request: ReceivedRequest, *, keep_alive: bool, local: bool) -> Reply:
        """Answer a complete request; ``local`` is whether it comes from this machine."""

    def answered(self) -> None:
        """An answer has been sent, or never will be."""


class PushConnection(asyncio.Protocol):
    """Parses with httptools, as uvicorn does; calls the handler for each request, in order."""

    def __init__(self, handler: Handler, connections: "set[PushConnection]") -> None:
        self._handler = handler
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[ReceivedRequest, bool]] = deque()
        self._served = b""
        self._out: list[bytes] = []
        self._reading = False
        self._pending: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self._closing = False
        self._paused = False
        self._local = False

    # --- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start; see asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._local = is_loopback(transport.get_extra_info("peername"))
        self._connections.add(self)
        self._handler.connected()
        if self._handler.closed:  # since its handshake began
            self.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        """Give up what is unanswered; see asyncio.Protocol."""
        self._closing = True
        self._waiting.clear()
        self._connections.discard(self)
        self._handler.disconnected()
        self._give_up()

    def data_received(self, data: bytes) -> None:
        """Parse, answer complete requests, and write all answers at once; see asyncio.Protocol."""
        self._reading = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise  # a bug here or in a hook, which must not be blamed on the client
        except httptools.HttpParserUpgrade:
            self._close()  # the request itself has been answered; no other protocol is spoken here
        except httptools.HttpParserError:
            if not self._closing:
                self._refuse(_BAD_REQUEST)
        finally:
            self._reading = False
            self._flush()

    def abort(self) -> bytes:
        """Drop the connection, and return the target of the request that this leaves unanswered, if any.

        From here on no request is taken or answered. Earlier answers still leave the transport, by the next
        turn of the loop.
        """
        self._closing = True
        unanswered = self._served if self._give_up() else b""
        self._loop.call_soon(self._transport.abort)
        return unanswered

    def _give_up(self) -> bool:
        """Drop the answer that is pending, and return whether one was."""
        if self._pending is None:
            return False
        self._pending.cancel()
        self._pending = None
        self._handler.answered()
        return True

    # --- httptools

    def on_message_begin(self) -> None:
        """A new request starts."""
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body = b""

    def on_url(self, piece: bytes) -> None:
        """Collect the target, which may come in pieces."""
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """Join a repeated header with a comma (RFC 9110, 5.3), so that two TTLs do not make a valid one."""
        name = name.lower()
        seen = self._headers.get(name)
        self._headers[name] = value if seen is None else seen + b", " + value

    def on_headers_complete(self) -> None:
        """Do what must happen before the body is read."""
        if self._closing:
            return
        if self._handler.resets(self._target):
            self._closing = True
            reset(self._transport)
        elif self._headers.get(b"expect", b"").lower() == b"100-continue" and self._pending is None:
            self._send(_CONTINUE)

    def on_body(self, piece: bytes) -> None:
        """Collect the body."""
        self._body += piece
        if len(self._body) > MAX_REQUEST_BODY and not self._closing:
            self._refuse(_TOO_LARGE)

    def on_message_complete(self) -> None:
        """Answer now, or after the earlier answer that is still pending."""
        if self._closing:
            return
        request = ReceivedRequest(self._parser.get_method(), self._target, self._headers, self._body)
        keep_alive = self._parser.should_keep_alive()
        if self._pending is None:
            self._serve(request, keep_alive)
            return
        self._waiting.append((request, keep_alive))
        if len(self._waiting) >= _MAX_WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    # --- answers

    def _serve(self, request: ReceivedRequest, keep_alive: bool) -> None:
        self._served = request.target
        reply = self._handler.answer(request, keep_alive=keep_alive, local=self._local)
        if reply.delay:
            self._pending = self._loop.call_later(reply.delay, self._start_late, reply)
        else:
            self._start(reply)

    def _start_late(self, reply: Reply) -> None:
        self._start(reply)
        self._serve_waiting()

    def _start(self, reply: Reply) -> None:
        if reply.fault in PERFORMANCES:
            self._flush()
            self._pending = self._loop.create_task(self._perform(reply))
            return
        self._send(reply.wire)
        self._finish(keep=not reply.close)

    async def _perform(self, reply: Reply) -> None:
        performance = PERFORMANCES[cast("Fault", reply.fault)]
        alive = await performance(self._transport, reply.wire, self._handler.pace)
        self._finish(keep=alive and not reply.close)
        self._serve_waiting()

    def _finish(self, *, keep: bool) -> None:
        self._pending = None
        self._handler.answered()
        if not keep:
            self._close()

    def _serve_waiting(self) -> None:
        while self._waiting and self._pending is None and not self._closing:
            self._serve(*self._waiting.popleft())
        if self._paused and not self._waiting and not self._closing:
            self._paused = False
            self._transport.resume_reading()

    def _refuse(self, wire: bytes) -> None:
        self._send(wire)
        self._close()

    def _close(self) -> None:
        self._closing = True
        self._flush()
        self._transport.close()

    def _send(self, wire: bytes) -> None:
        if self._reading:
            self._out.append(wire)
        else:
            self._transport.write(wire)

    def _flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()


def is_loopback(peer: object) -> bool:
    """Return whether a socket's peer name is on loopback."""
    if not isinstance(peer, tuple) or not peer:
        return False
    return ipaddress.ip_address(str(peer[0]).partition("%")[0]).is_loopback
