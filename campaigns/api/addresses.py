"""Which address a request comes from, where proxies stand before the service. Takes addresses as texts."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(peer: str, forwarded_for: str, proxies: Iterable[Network]) -> str:
    """Return the nearest address that is not a trusted proxy's.

    Args:
        peer: Whoever the connection is with.
        forwarded_for: The header `X-Forwarded-For`: each proxy has appended whom it was called by. Whatever
            stands before the first address that is not trusted may be made up.
        proxies: The networks that are trusted.
    """
    trusted = tuple(proxies)
    nearest = peer
    for hop in reversed([peer, *_hops(forwarded_for)][1:]):
        if not _is_in(_read(nearest), trusted):
            break
        if _read(hop) is None:
            break  # "unknown", or nonsense: the proxy's own address is the best that is known
        nearest = hop
    return _plain(nearest)


def counted_as(address: str) -> str:
    """Return what a limit by address counts: an IPv6 address by its /64, which is one customer's."""
    read = _read(address)
    if isinstance(read, IPv6Address):
        return str(IPv6Network((int(read) >> 64 << 64, 64)))
    return address


def _hops(forwarded_for: str) -> list[str]:
    return [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]


def _plain(address: str) -> str:
    read = _read(address)
    return address if read is None else str(read)


def _read(address: str) -> Address | None:
    text = address.strip().partition("%")[0]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]  # some proxies add the port
    try:
        read = ip_address(text)
    except ValueError:
        return None
    mapped = read.ipv4_mapped if isinstance(read, IPv6Address) else None
    return mapped or read


def _is_in(address: Address | None, networks: Iterable[Network]) -> bool:
    return address is not None and any(address in network for network in networks)
