"""What goes wrong with an answer on the wire: a function for each transport fault.

Each gets the transport and the bytes of the whole answer, and returns whether the connection stays open.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from worker.simulator.answers import Fault

Performance = Callable[[asyncio.Transport, bytes, float], Awaitable[bool]]
"""Takes transport, whole answer and seconds between two pieces; returns whether the connection stays open."""

_PIECES = 20
_HALFWAY = 0.05  # seconds: an immediate reset would discard the first half of the answer as well
_CHUNK = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
_GARBAGE = b"\x00\x01 this is no status line\r\n\r\n"
_INFORMATIONAL = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
_UNREAD_LIMIT = 262_144  # bytes that a client may leave unread before an endless answer waits


def reset(transport: asyncio.Transport) -> None:
    """Break a connection with a TCP reset, which a plain close would not send."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _reset(transport: asyncio.Transport, _wire: bytes, _pace: float) -> bool:
    reset(transport)
    return False


async def _reset_midway(transport: asyncio.Transport, wire: bytes, pace: float) -> bool:
    transport.write(wire[: len(wire) // 2])
    await asyncio.sleep(max(pace, _HALFWAY))
    reset(transport)
    return False


async def _cut(transport: asyncio.Transport, wire: bytes, _pace: float) -> bool:
    transport.write(wire)
    return False


async def _hang(_transport: asyncio.Transport, _wire: bytes, _pace: float) -> bool:
    await asyncio.get_running_loop().create_future()  # until the client disconnects and this is cancelled
    return False


async def _endless_body(transport: asyncio.Transport, wire: bytes, pace: float) -> bool:
    head = wire.partition(b"\r\nContent-Length:")[0]
    transport.write(head + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not transport.is_closing():
        if transport.get_write_buffer_size() < _UNREAD_LIMIT:
            transport.write(_CHUNK)
        await asyncio.sleep(pace)
    return False


async def _slow_headers(transport: asyncio.Transport, wire: bytes, pace: float) -> bool:
    size = -(-len(wire) // _PIECES)
    for start in range(0, len(wire), size):
        transport.write(wire[start : start + size])
        await asyncio.sleep(pace)
    return True


async def _oversized_headers(transport: asyncio.Transport, wire: bytes, _pace: float) -> bool:
    status, _, rest = wire.partition(b"\r\n")
    padding = b"".join(b"X-Padding-%d: %b\r\n" % (number, b"x" * 4096) for number in range(64))
    transport.write(status + b"\r\n" + padding + rest)
    return True


async def _garbage(transport: asyncio.Transport, _wire: bytes, _pace: float) -> bool:
    transport.write(_GARBAGE)
    return False


async def _informational(transport: asyncio.Transport, wire: bytes, _pace: float) -> bool:
    transport.write(_INFORMATIONAL + wire)
    return True


async def _split(transport: asyncio.Transport, wire: bytes, _pace: float) -> bool:
    for start in range(0, len(wire), 7):
        transport.write(wire[start : start + 7])
        await asyncio.sleep(0)
    return True


PERFORMANCES: dict[Fault, Performance] = {
    Fault.RESET_LATE: _reset,
    Fault.RESET_MIDWAY: _reset_midway,
    Fault.CUT: _cut,
    Fault.HANG: _hang,
    Fault.ENDLESS_BODY: _endless_body,
    Fault.SLOW_HEADERS: _slow_headers,
    Fault.OVERSIZED_HEADERS: _oversized_headers,
    Fault.GARBAGE: _garbage,
    Fault.INFORMATIONAL: _informational,
    Fault.SPLIT: _split,
}
"""Every fault that is more than a status; ``reset_early`` happens before there is an answer."""
