"""Servers that leave nothing behind: no open socket, no connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.harness.waiting import GENEROUS


@contextlib.asynccontextmanager
async def serving(
    connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any], **how: Any
) -> AsyncIterator[int]:
    """Serve on 127.0.0.1 and yield the port; `how` is passed to `asyncio.start_server`.

    On exit it waits until every connection is lost, including those in the middle of a TLS handshake, which
    only the client can end: if the loop were closed earlier, their transports would stay open. Ending the
    other connections is up to `connected` and the clients.
    """
    server = await asyncio.start_server(connected, "127.0.0.1", 0, **how)
    # Begun only after `close`, it waits for no connection on uvloop and on asyncio before 3.12.
    gone = asyncio.create_task(server.wait_closed())
    await asyncio.sleep(0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait_for(gone, GENEROUS)


async def pump(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    count: Callable[[int], object] = lambda _: None,
) -> None:
    """Copy bytes until the source ends, then close the sink; `count` gets the size of each piece."""
    try:
        while data := await source.read(1 << 18):
            count(len(data))
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()
