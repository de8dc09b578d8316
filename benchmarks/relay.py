"""A relay in front of a broker that counts the bytes sent to clients, without looking at them."""

import asyncio
from typing import Self

from tests.harness.serving import pump


class Relay:
    """Listens on loopback; the broker must advertise this address, or clients bypass it.

    Attributes:
        target: The broker's port; set it before the first client connects.
        bytes_to_clients: Bytes sent to clients so far.
    """

    def __init__(self) -> None:
        self.target = 0
        self.bytes_to_clients = 0
        self._server: asyncio.Server

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(pump(from_client, to_broker), pump(from_broker, to_client, self._count))

    def _count(self, size: int) -> None:
        self.bytes_to_clients += size
