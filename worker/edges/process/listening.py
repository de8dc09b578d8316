"""Which sockets a server listens on: one for each address of its host, all with the same port.

Decides which addresses may be missing, and whether the host or the port is to blame. Knows nothing of what is
served.
"""

import errno
import socket
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

_BACKLOG = 128
_ATTEMPTS = 20
# What a machine without the family, or without the address, answers.
_ABSENT = {errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL, errno.EINVAL}

Address = tuple[socket.AddressFamily, Any]
Lookup = Callable[..., Iterable[tuple[Any, ...]]]
Make = Callable[[socket.AddressFamily, socket.SocketKind], socket.socket]


class HostError(Exception):
    """The host is no address of this machine; the text says why, as the end of a sentence."""


class PortError(Exception):
    """The port is taken or not permitted; the text says which, as the end of a sentence."""


def listen(
    host: str | None, port: int, *, lookup: Lookup = socket.getaddrinfo, make: Make = socket.socket
) -> list[socket.socket]:
    """Listen on every address of a host that this machine has.

    Args:
        host: A name or an address; None is every address of both families, IPv4 and IPv6.
        port: TCP port, or 0 for one that is free at all of them.
        lookup: Stands in for `socket.getaddrinfo`.
        make: Stands in for `socket.socket`.

    Raises:
        HostError: The machine has none of them.
        PortError: One of them does not give the port.
    """
    try:
        found = lookup(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        addresses = list(dict.fromkeys((info[0], info[4]) for info in found))
    except (socket.gaierror, UnicodeError) as error:
        raise HostError(getattr(error, "strerror", None) or "it is no host name") from None
    for _ in range(_ATTEMPTS - 1 if port == 0 else 0):
        try:
            return _listen(addresses, port, make)
        except PortError:
            continue  # free at the first address, but not at another
    return _listen(addresses, port, make)


def _listen(addresses: list[Address], port: int, make: Make) -> list[socket.socket]:
    opened: list[socket.socket] = []
    problem = "it has no address"
    with ExitStack() as undo:
        for family, address in addresses:
            try:
                one = undo.enter_context(_open(family, (address[0], port, *address[2:]), make))
            except OSError as error:
                problem = error.strerror or type(error).__name__
                if error.errno not in _ABSENT:
                    raise PortError(problem) from None
            else:
                opened.append(one)
                port = one.getsockname()[1]
        if not opened:
            raise HostError(problem)
        undo.pop_all()
    return opened


def _open(family: socket.AddressFamily, address: Any, make: Make) -> socket.socket:
    with ExitStack() as undo:
        one = undo.enter_context(make(family, socket.SOCK_STREAM))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        one.bind(address)
        one.listen(_BACKLOG)
        undo.pop_all()
    return one
