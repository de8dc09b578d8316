"""An HTTP proxy that gives tunnels (CONNECT) and nothing else; what goes through them it cannot read."""

import asyncio
import base64
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from tests.harness.serving import serving

TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class ConnectProxy:
    """Connects to loopback whatever name it is asked for, as a proxy with a view of its own on names may.

    Attributes:
        login: `user:password` that it asks for.
        says: Bytes that it answers instead of giving a tunnel; None for a tunnel.
        hangs: Whether it answers nothing at all.
        cuts: Whether it hangs up after what it says, or at once after giving a tunnel.
    """

    login: str | None = None
    says: bytes | None = None
    hangs: bool = False
    cuts: bool = False
    port: int = 0
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    tunnels: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return len(self._tasks)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = contextlib.AsyncExitStack()
        self.port = await self._serving.enter_async_context(serving(self._connected))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self._serving.aclose()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split(" ", 2)
        self.asked.append(f"{method} {target}")
        self.heads.append(head)
        if self.hangs:
            await reader.read()
        elif self.says is not None:
            writer.write(self.says)
            await writer.drain()
            if not self.cuts:
                await reader.read()
        elif self._lets_in(head):
            await self._tunnel(int(target.rpartition(":")[2]), reader, writer)
        else:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    def _lets_in(self, head: str) -> bool:
        login = None if self.login is None else base64.b64encode(self.login.encode()).decode()
        return login is None or f"\r\nProxy-Authorization: Basic {login}\r\n" in head

    async def _tunnel(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        self.tunnels += 1
        writer.write(TUNNEL)
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes over; the end of one side is the end of the other."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def in_a_thread() -> Iterator[ConnectProxy]:
    """A proxy on a loop of its own, for tests that run several."""
    made: ConnectProxy = ConnectProxy()
    up = threading.Event()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with made:
            up.set()
            await end.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert up.wait(10)
        yield made
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
