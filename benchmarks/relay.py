"""A relay in front of a broker that counts the bytes which go to its clients; looks at none of them."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

PIECE_BYTES = 1 << 18


class Relay:
    """Listens on loopback; the broker must advertise this address, or clients go past it.

    Attributes:
        target: The broker's port, to be set before the first client connects.
        bytes_to_clients: Sent to clients so far.
    """

    def __init__(self) -> None:
        self.target = 0
        self.bytes_to_clients = 0
        self._server: asyncio.Server

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self.target)
        with suppress(OSError):
            await asyncio.gather(
                self._pass_on(from_client, to_broker), self._pass_on(from_broker, to_client, to_clients=1)
            )

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, to_clients: int = 0
    ) -> None:
        try:
            while piece := await source.read(PIECE_BYTES):
                self.bytes_to_clients += to_clients * len(piece)
                sink.write(piece)
                await sink.drain()
        finally:
            sink.close()
