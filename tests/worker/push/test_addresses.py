from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.push.addresses import is_public, refused

patient = settings(deadline=None)  # a busy machine is no failure
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "142.250.74.138",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "168.63.129.15",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2000::",
    "2001:200::1",  # just above IETF protocol assignments
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200a",
    "2A00:1450:4001:82A::200A",
    "3ffe:ffff::1",
    "2606:4700::1%eth0",
    "::ffff:8.8.8.8",
    "::ffff:808:808",
    "64:ff9b::8.8.8.8",
]
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # Alibaba's metadata
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",  # Azure's
    "169.254.169.254",  # nearly everybody's
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",  # Oracle's
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::8.8.8.8",
    "::ffff:0:8.8.8.8",  # IPv4-translated, RFC 2765
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::1:808:808",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:808:808::1",
    "2002:7f00:1::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # AWS's
    "fd20:ce::254",  # Google's
    "fe80::1",
    "fe80::1%eth0",
    "febf::1%1",
    "fec0::1",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]
NO_ADDRESS = [
    "",
    " ",
    "localhost",
    "8.8.8",
    "134744072",
    "0x8.8.8.8",
    "08.8.8.8",
    "8.8.8.8\n",
    "[2000::1]",
    "2000::1%",
    ":",
]
REFUSED_BY_PYTHON_TOO = ("is_private", "is_loopback", "is_link_local", "is_multicast", "is_unspecified")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_connected_to(address):
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC + NO_ADDRESS)
def test_others_may_not(address):
    assert not is_public(address)


def test_one_bad_address_refuses_a_name():
    assert not refused(["8.8.8.8", "2606:4700::1"])
    assert refused(["8.8.8.8", "10.0.0.1"])
    assert refused(iter(["::1", "8.8.8.8"]))
    assert refused([])


@patient
@given(st.ip_addresses())
def test_what_the_standard_library_finds_private_is_never_public(address):
    # Whether it is global differs by version; what any of them finds private must be refused by all of ours.
    if any(getattr(address, name) for name in REFUSED_BY_PYTHON_TOO) and carried(address) is None:
        assert not is_public(str(address))


@patient
@given(st.ip_addresses(v=4))
def test_ipv4_inside_ipv6_is_judged_as_itself_where_it_is_connected_to(address):
    assert is_public(f"::ffff:{address}") == is_public(f"64:ff9b::{address}") == is_public(str(address))
    for other in (
        f"::{address}",
        f"64:ff9b:1::{address}",
        str(IPv6Address((0x2002 << 112) | int(address) << 80)),
    ):
        assert not is_public(other)


@patient
@given(st.text() | st.from_regex(r"[0-9a-f:.%]{1,45}", fullmatch=True))
def test_any_text_is_judged(text):
    if is_public(text):
        ip_address(text)


def carried(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    return getattr(address, "ipv4_mapped", None)
