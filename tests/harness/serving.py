"""Servers of tests that are gone when they end, with everyone who was connected to them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.harness.waiting import GENEROUS


@contextlib.asynccontextmanager
async def serving(
    connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any], **how: Any
) -> AsyncIterator[int]:
    """Serve on 127.0.0.1, and give the port; `how` is as for `asyncio.start_server`.

    Its end waits until every connection is lost, one in the midst of its TLS handshake too, which nobody but
    the client can end: a loop that is closed before leaves its transport open. To end the others is up to
    `connected` and to the clients.
    """
    server = await asyncio.start_server(connected, "127.0.0.1", 0, **how)
    # uvloop, and asyncio before 3.12, wait for nobody where that begins after the end.
    gone = asyncio.create_task(server.wait_closed())
    await asyncio.sleep(0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait_for(gone, GENEROUS)
