"""The proxy between the worker and push services, parsed from the URL that the operator sets.

Knows nothing of connections. Neither a message nor a repr shows the credentials.
"""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from urllib.parse import unquote_to_bytes

_HOST_MAX_CHARS = 253


class ProxyError(ValueError):
    """A proxy URL that cannot be used; the text says why without repeating any of it."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that opens tunnels (CONNECT, RFC 9110 section 9.3.6).

    Attributes:
        url: `http://host:port`, without credentials.
        authorization: Value of `Proxy-Authorization` (RFC 7617), or None without credentials.
    """

    url: str
    authorization: str | None = field(default=None, repr=False)


# RFC 3986 section 3.2; the port is required, since proxies have no customary one.
_TEXT = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
_PROXY = re.compile(
    rf"http://(?:({_TEXT}+)(?::((?:{_TEXT}|:)*))?@)?"
    r"((?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})/?"
)


def parse_proxy(url: str) -> Proxy:
    """Parse `http://host:port`, with `user:password@` before the host if the proxy requires it.

    Raises:
        ProxyError: The URL has another form.
    """
    if url.startswith("https://"):
        raise ProxyError("should begin with http://: TLS is spoken with push services, not with the proxy")
    match = _PROXY.fullmatch(url)
    if match is None or not _is_address(match[3], int(match[4])):
        raise ProxyError(
            "should be http://host:port, or http://user:password@host:port with special characters in user "
            "and password percent-encoded"
        )
    user, password, host, port = match.groups()
    return Proxy(f"http://{host.lower()}:{int(port)}", None if user is None else _basic(user, password or ""))


def _is_address(host: str, port: int) -> bool:
    if host[0] == "[":
        try:
            IPv6Address(host[1:-1])
        except ValueError:
            return False
    return len(host) <= _HOST_MAX_CHARS and 0 < port < 65536


def _basic(user: str, password: str) -> str:
    # RFC 7617 section 2: a colon would end the user, and neither part may hold control characters.
    name, login = unquote_to_bytes(user), unquote_to_bytes(f"{user}:{password}")
    if b":" in name or any(byte < 0x20 or byte == 0x7F for byte in login):
        raise ProxyError("should have no colon in its user, and no control characters in user or password")
    return "Basic " + b64encode(login).decode()
