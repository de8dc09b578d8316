"""From a host's name to the addresses that may be connected to: all of them public, or none of them.

Whoever connects must do so to exactly what comes back: a second look-up could say something else.
"""

import asyncio
import socket

from worker.push.addresses import refused

ADDRESSES_KEPT_SECONDS = 30.0

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, SocketAddress]
"""As `getaddrinfo` gives them."""


class AddressRefusedError(OSError):
    """A host name with an address that must not be connected to."""


async def look_up(
    host: str, port: int, *, allow_private: bool, family: socket.AddressFamily = socket.AF_UNSPEC
) -> list[AddressInfo]:
    """Look a name or a literal up, and check each of its addresses.

    Raises:
        AddressRefusedError: One of them is not public.
        OSError: The name cannot be resolved.
    """
    loop = asyncio.get_running_loop()
    found: list[AddressInfo] = [*await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)]
    if not allow_private and refused(str(info[4][0]) for info in found):
        raise AddressRefusedError("resolves to an address that is not public")
    return found


class AddressBook:
    """Remembers addresses for a short time; whoever asks while a look-up is under way shares it."""

    def __init__(self, *, allow_private: bool, kept: float = ADDRESSES_KEPT_SECONDS) -> None:
        self._allow_private = allow_private
        self._kept = kept
        self._asked: dict[tuple[str, int], tuple[float, asyncio.Task[list[AddressInfo]]]] = {}

    async def find(self, host: str, port: int) -> list[AddressInfo]:
        """As `look_up`; a failure is told to all who wait for it, and not remembered."""
        now = asyncio.get_running_loop().time()
        until, asked = self._asked.get((host, port), (now, None))
        if asked is None or until <= now:
            asked = self._ask(host, port, now)
        return await asyncio.shield(asked)  # whoever gives up waiting takes it from nobody else

    def close(self) -> None:
        """Ask no further."""
        for _, asked in self._asked.values():
            asked.cancel()

    def _ask(self, host: str, port: int, now: float) -> asyncio.Task[list[AddressInfo]]:
        self._asked = {key: kept for key, kept in self._asked.items() if kept[0] > now}
        asked = asyncio.create_task(look_up(host, port, allow_private=self._allow_private))
        self._asked[host, port] = now + self._kept, asked
        asked.add_done_callback(lambda task: self._forget_failed((host, port), task))
        return asked

    def _forget_failed(self, key: tuple[str, int], task: asyncio.Task[list[AddressInfo]]) -> None:
        kept = self._asked.get(key)
        if (task.cancelled() or task.exception()) and kept and kept[1] is task:
            del self._asked[key]
