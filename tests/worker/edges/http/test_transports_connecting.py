"""TLS, connecting and names: what must, and what must not, keep a transport from a push service."""

import asyncio
import socket
import ssl

import pytest

from tests.harness.serving import serving
from tests.harness.waiting import GENEROUS
from tests.worker.edges.http.wire import (
    CREATED,
    NAME,
    SHORT,
    ask,
    opened,
    saying,
    scripted,
    to,
    with_names,
)
from worker.edges.http.transports import tls_context
from worker.push.answers import PushResponse, TransportFailure
from worker.simulator.certificates import Certificates


async def test_a_certificate_of_an_unknown_authority(transport, certificates):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport) as made:
        assert await ask(made, to(server.port)) is TransportFailure.TLS
    assert server.arrived == []


async def test_a_certificate_for_another_name(transport):
    other = Certificates("push.example")
    async with scripted(other, saying(CREATED)) as server, opened(transport, other) as made:
        assert await ask(made, to(server.port)) is TransportFailure.TLS
    assert server.arrived == []


async def test_a_tls_version_that_is_too_old(transport, certificates, tmp_path):
    context = certificates.server_context()
    tls = tls_context(certificates.write(tmp_path))
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(lambda _r, w: w.close(), ssl=context) as port, opened(transport, tls=tls) as made:
        answer = await ask(made, to(port))
    # The server says so before it hangs up, or only hangs up.
    assert answer in {TransportFailure.TLS, TransportFailure.CONNECT, TransportFailure.RESET}


async def test_a_server_that_speaks_no_tls(transport, certificates):
    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with serving(plain) as port, opened(transport, certificates) as made:
        assert await ask(made, to(port)) is TransportFailure.TLS


async def test_a_server_that_never_shakes_hands(transport, certificates):
    gone = asyncio.Event()

    async def mute(reader, writer):
        await reader.read()
        gone.set()
        writer.close()

    async with serving(mute) as port, opened(transport, certificates, within=SHORT) as made:
        assert await ask(made, to(port)) is TransportFailure.TIMEOUT
        await asyncio.wait_for(gone.wait(), GENEROUS)


async def test_a_server_that_hangs_up_on_the_handshake(transport, certificates):
    async with (
        serving(lambda _reader, writer: writer.transport.abort()) as port,
        opened(transport, certificates) as made,
    ):
        answer = await ask(made, to(port))
    assert answer in {TransportFailure.CONNECT, TransportFailure.RESET, TransportFailure.TLS}


async def test_a_port_where_nobody_listens(transport, certificates):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening: refused, and not free for others
        async with opened(transport, certificates) as made:
            assert await ask(made, to(held.getsockname()[1])) is TransportFailure.CONNECT


def test_a_name_that_does_not_exist(direct):
    async def scenario():
        async with opened(direct) as made:
            return await ask(made, to(443, host=NAME))

    assert with_names({}, scenario) is TransportFailure.DNS


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["fd00::1"],
        ["0.0.0.0"],
        ["127.0.0.1", "8.8.8.8"],
        ["8.8.8.8", "127.0.0.1"],
        ["2001:4860:4860::8888", "fe80::1"],
    ],
)
def test_a_name_with_any_address_that_is_not_public_is_refused(transport, certificates, addresses):
    async def scenario():
        served = Certificates(NAME)
        async with (
            scripted(served, saying(CREATED)) as server,
            opened(transport, served, allow_private=False) as made,
        ):
            answer = await ask(made, to(server.port, host=NAME))
        return answer, server.connections

    assert with_names({NAME: addresses}, scenario) == (TransportFailure.ADDRESS_REFUSED, 0)


def test_a_private_address_is_connected_to_where_it_is_allowed(transport):
    async def scenario():
        served = Certificates(NAME)
        async with scripted(served, saying(CREATED)) as server, opened(transport, served) as made:
            return await ask(made, to(server.port, host=NAME))

    assert with_names({NAME: ["127.0.0.1"]}, scenario) == PushResponse(201)


async def test_a_private_address_in_the_endpoint_itself_is_refused(transport, certificates):
    async with (
        scripted(certificates, saying(CREATED)) as server,
        opened(transport, certificates, allow_private=False) as made,
    ):
        assert await ask(made, to(server.port, host="127.0.0.1")) is TransportFailure.ADDRESS_REFUSED
    assert server.connections == 0


async def test_a_private_address_in_the_endpoint_where_it_is_allowed(transport, certificates):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        assert await ask(made, to(server.port, host="127.0.0.1")) == PushResponse(201)


def test_the_next_address_is_tried_where_one_refuses(direct):
    async def scenario():
        served = Certificates(NAME)
        async with scripted(served, saying(CREATED)) as server, opened(direct, served) as made:
            return await ask(made, to(server.port, host=NAME)), len(server.arrived)

    # Nobody listens on 127.0.0.9: the server is bound to 127.0.0.1 alone.
    assert with_names({NAME: ["127.0.0.9", "127.0.0.1"]}, scenario) == (PushResponse(201), 1)


@pytest.mark.parametrize("host", ["xn--a.example", "xn--zzzzzz999999.example"])
def test_a_host_name_that_looks_international_and_is_not(direct, host):
    async def scenario():
        async with opened(direct) as made:
            return await ask(made, to(443, host=host))

    assert with_names({}, scenario) is TransportFailure.DNS
