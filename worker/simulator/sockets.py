"""Listening sockets: the same port on both addresses of localhost, which binding to port 0 does not give."""

import errno
import socket

_ATTEMPTS = 20


def listening_sockets(host: str, port: int) -> list[socket.socket]:
    """Bind TCP sockets for a host, all to the same port; port 0 picks one that is free on every address.

    Raises:
        OSError: The address is in use, or does not belong to this machine.
    """
    if host != "localhost":
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return [_bound(family, host, port)]
    for _ in range(_ATTEMPTS if port == 0 else 1):
        first = _bound(socket.AF_INET, "127.0.0.1", port)
        try:
            return [first, _bound(socket.AF_INET6, "::1", first.getsockname()[1])]
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return [first]  # no IPv6 on this machine
            first.close()
    problem = f"port {port} is in use on localhost" if port else "no port is free on all of localhost"
    raise OSError(errno.EADDRINUSE, problem)


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
