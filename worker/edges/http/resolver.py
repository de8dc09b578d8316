"""Resolves a host name to the addresses that may be connected to: all of them must be public.

The caller must connect to exactly these addresses: a second look-up could give others.
"""

import asyncio
import socket

from worker.push.addresses import refused

ADDRESSES_KEPT_SECONDS = 30.0

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, SocketAddress]
"""As returned by `getaddrinfo`."""


class AddressRefusedError(OSError):
    """The host name has an address that must not be connected to."""


async def look_up(
    host: str, port: int, *, allow_private: bool, family: socket.AddressFamily = socket.AF_UNSPEC
) -> list[AddressInfo]:
    """Look up a name or a literal, and check each of its addresses.

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
    """Caches addresses for a short time; concurrent callers share one look-up."""

    def __init__(self, *, allow_private: bool, kept: float = ADDRESSES_KEPT_SECONDS) -> None:
        self._allow_private = allow_private
        self._kept = kept
        self._lookups: dict[tuple[str, int], tuple[float, asyncio.Task[list[AddressInfo]]]] = {}

    async def find(self, host: str, port: int) -> list[AddressInfo]:
        """Look up addresses with `look_up`; a failure is raised to all callers that wait, and not cached."""
        now = asyncio.get_running_loop().time()
        until, lookup = self._lookups.get((host, port), (now, None))
        if lookup is None or until <= now:
            lookup = self._start(host, port, now)
        return await asyncio.shield(lookup)  # a caller that is cancelled does not cancel the others' look-up

    def close(self) -> None:
        """Cancel all look-ups."""
        for _, lookup in self._lookups.values():
            lookup.cancel()

    def _start(self, host: str, port: int, now: float) -> asyncio.Task[list[AddressInfo]]:
        self._lookups = {key: kept for key, kept in self._lookups.items() if kept[0] > now}
        lookup = asyncio.create_task(look_up(host, port, allow_private=self._allow_private))
        self._lookups[host, port] = now + self._kept, lookup
        lookup.add_done_callback(lambda task: self._forget_failed((host, port), task))
        return lookup

    def _forget_failed(self, key: tuple[str, int], task: asyncio.Task[list[AddressInfo]]) -> None:
        kept = self._lookups.get(key)
        if (task.cancelled() or task.exception()) and kept and kept[1] is task:
            del self._lookups[key]
