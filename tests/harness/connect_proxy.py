"""An HTTP proxy that opens tunnels (CONNECT) and nothing else; it cannot read what passes through them."""

import asyncio
import base64
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from tests.harness.serving import pump, serving

TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class ConnectProxy:
    """Connects every name to loopback, as a proxy that resolves names itself may.

    Attributes:
        login: `user:password` that it demands.
        says: Bytes that it answers instead of opening a tunnel; None to open one.
        hangs: Whether it never answers.
        cuts: Whether it hangs up right after its answer.
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
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            far_writer.close()


@contextlib.contextmanager
def in_a_thread() -> Iterator[ConnectProxy]:
    """Run a proxy in a loop of its own, for tests that run several loops."""
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
