"""Which IP addresses may be connected to: public ones only, whatever form they come in (decision 10).

Judges literals; knows nothing of names or sockets. The ranges are tables of our own because the standard
library's `is_global` differs between versions: Python 3.11 calls NAT64, 6to4 and site-local addresses global.
"""

from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry (RFC 6890), and one address of a cloud.
_REFUSED_V4 = tuple(
    IPv4Network(row)
    for row in (
        "0.0.0.0/8",  # this network, the unspecified address: RFC 791 section 3.2
        "10.0.0.0/8",  # private: RFC 1918
        "100.64.0.0/10",  # carrier-grade NAT, some clouds' metadata: RFC 6598
        "127.0.0.0/8",  # loopback: RFC 1122 section 3.2.1.3
        "168.63.129.16/32",  # public by its number, but Azure's own host agent: learn.microsoft.com
        "169.254.0.0/16",  # link-local, clouds' metadata: RFC 3927
        "172.16.0.0/12",  # private: RFC 1918
        "192.0.0.0/24",  # IETF protocol assignments: RFC 6890 section 2.1
        "192.0.2.0/24",  # documentation: RFC 5737
        "192.88.99.0/24",  # 6to4 relays, deprecated: RFC 7526
        "192.168.0.0/16",  # private: RFC 1918
        "198.18.0.0/15",  # benchmarking: RFC 2544
        "198.51.100.0/24",  # documentation: RFC 5737
        "203.0.113.0/24",  # documentation: RFC 5737
        "224.0.0.0/4",  # multicast: RFC 5771
        "240.0.0.0/4",  # reserved, and the broadcast address: RFC 1112 section 4, RFC 919
    )
)

# https://www.iana.org/assignments/ipv6-address-space: the only block that public addresses come from.
# Outside it lie loopback, fc00::/7 (fd00:ec2::254 is a cloud's metadata), fe80::/10, fec0::/10, ff00::/8,
# 100::/64, ::/96 with IPv4 inside (deprecated: RFC 4291 section 2.5.5.1), and 64:ff9b:1::/48, whose
# operator chooses where the IPv4 address stands (RFC 8215).
_PUBLIC_V6 = IPv6Network("2000::/3")

# https://www.iana.org/assignments/iana-ipv6-special-registry
_REFUSED_V6 = tuple(
    IPv6Network(row)
    for row in (
        "2001::/23",  # IETF protocol assignments, Teredo and benchmarking among them: RFC 2928
        "2001:db8::/32",  # documentation: RFC 3849
        "2002::/16",  # 6to4, IPv4 inside, its relays are gone: RFC 3056, RFC 7526
        "3fff::/20",  # documentation: RFC 9637
    )
)

# The last 32 bits are the IPv4 address that is connected to in the end: that one is judged.
_CARRIES_V4 = (
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped, as getaddrinfo may give it: RFC 4291 section 2.5.5.2
    IPv6Network("64:ff9b::/96"),  # NAT64, how clusters without IPv4 reach the outside: RFC 6052
)


def is_public(address: str) -> bool:
    """Whether an address may be connected to.

    Args:
        address: An IPv4 or IPv6 literal as `getaddrinfo` returns it, with or without `%scope`; anything else
            is not public.
    """
    try:
        return _is_public_v6(IPv6Address(address)) if ":" in address else _is_public_v4(IPv4Address(address))
    except AddressValueError:
        return False


def refused(addresses: Iterable[str]) -> bool:
    """Whether a name must not be connected to: it has no address, or one that is not public."""
    judged = [is_public(address) for address in addresses]
    return not judged or not all(judged)


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _REFUSED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if any(address in network for network in _CARRIES_V4):
        return _is_public_v4(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _PUBLIC_V6 and not any(address in network for network in _REFUSED_V6)
