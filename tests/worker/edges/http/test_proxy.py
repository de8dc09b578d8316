"""What is specific to a proxy between the worker and push services.

Everything else is in test_transports*.py, where the proxy is one more transport.
"""

import asyncio
import contextlib
import logging
import socket
from functools import partial

import pytest

from tests.harness.connect_proxy import TUNNEL, ConnectProxy
from tests.harness.waiting import GENEROUS, until
from tests.worker.edges.http.wire import (
    CREATED,
    NAME,
    SHORT,
    NamesLoop,
    ask,
    opened,
    saying,
    scripted,
    silence,
    to,
    with_names,
)
from worker.edges.http.transports import AiohttpTransport, make_transport, tls_context
from worker.push.answers import PushResponse, TransportFailure, classify
from worker.push.proxy import Proxy, parse_proxy
from worker.push.services import PushService
from worker.push.verdict import Settled
from worker.simulator.certificates import Certificates

PUBLIC = ["8.8.8.8"]


def through(proxy, login=None):
    """A factory like those of the `transport` fixture."""
    user_info = f"{login}@" if login else ""
    return partial(AiohttpTransport, proxy=parse_proxy(f"http://{user_info}127.0.0.1:{proxy.port}"))


def meant_for_the_proxy(server):
    """Return the names of headers that reached the push service but were meant for the proxy."""
    names = [name.lower() for arrived in server.arrived for name, _ in arrived.headers]
    return [name for name in names if name.startswith("proxy-")]


async def test_the_proxy_is_asked_for_a_tunnel_to_the_name_and_sees_nothing_of_the_request(certificates):
    async with (
        scripted(certificates, saying(CREATED)) as server,
        ConnectProxy() as proxy,
        opened(through(proxy), certificates) as made,
    ):
        for _ in range(3):
            request = to(server.port, "/send/secret", body=b"secret", Authorization="vapid t=secret")
            assert await ask(made, request) == PushResponse(201)
    [head] = proxy.heads  # three requests, one tunnel
    assert head.startswith(f"CONNECT localhost:{server.port} HTTP/1.1\r\nHost: localhost:{server.port}\r\n")
    assert "User-Agent: pushmill/" in head
    assert "secret" not in head
    assert "Proxy-Authorization" not in head
    assert [arrived.line for arrived in server.arrived] == ["POST /send/secret HTTP/1.1"] * 3
    assert meant_for_the_proxy(server) == []


async def test_the_log_in_goes_to_the_proxy_and_no_further(certificates):
    async with (
        scripted(certificates, saying(CREATED)) as server,
        ConnectProxy(login="mill:p@ss:€") as proxy,
        opened(through(proxy, "mill:p%40ss:%E2%82%AC"), certificates) as made,
    ):
        for _ in range(2):
            assert await ask(made, to(server.port)) == PushResponse(201)
    assert proxy.tunnels == 1
    assert meant_for_the_proxy(server) == []


async def test_a_name_of_its_own_is_that_of_the_certificate(certificates):
    async with (
        scripted(Certificates("push.other"), saying(CREATED)) as server,
        ConnectProxy() as proxy,
        opened(through(proxy), certificates) as made,
    ):
        assert await ask(made, to(server.port)) is TransportFailure.TLS
        await until(lambda: proxy.open_connections == 0)
    assert (proxy.tunnels, server.arrived) == (1, [])


async def test_two_names_at_one_address_share_no_tunnel():
    served = Certificates("a.example", "b.example")
    async with (
        scripted(served, saying(CREATED)) as server,
        ConnectProxy() as proxy,
        opened(through(proxy), served) as made,
    ):
        for host in ("a.example", "b.example", "a.example"):
            assert await ask(made, to(server.port, host=host)) == PushResponse(201)
    assert proxy.asked == [f"CONNECT {host}.example:{server.port}" for host in "ab"]


# ── the proxy's own failures ────────────────────────────────────────────────────────────────────────────────


REFUSALS = [201, 301, 400, 401, 403, 404, 407, 410, 413, 429, 500, 502, 503, 504]


def refusing(status: int) -> bytes:
    return b"HTTP/1.1 %d Refused\r\nContent-Length: 4\r\nTTL: 60\r\nRetry-After: 9\r\n\r\ngone" % status


@pytest.mark.parametrize("status", REFUSALS)
async def test_no_answer_of_the_proxy_is_taken_for_the_push_services(certificates, caplog, status):
    async with (
        scripted(certificates, saying(CREATED)) as server,
        ConnectProxy(says=refusing(status)) as proxy,
        opened(through(proxy, "mill:hunter2"), certificates) as made,
    ):
        answer = await ask(made, to(server.port, "/send/token"))
        await until(lambda: proxy.open_connections == 0)
    assert answer is TransportFailure.CONNECT
    assert not isinstance(classify(PushService.FCM, answer), Settled)
    assert (server.connections, len(proxy.asked)) == (0, 1)  # and the transport does not retry by itself
    [record] = [each for each in caplog.records if each.name.startswith("worker")]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"the proxy refuses to connect to a push service: it answers {status}"


async def test_a_wrong_log_in(certificates, caplog):
    async with (
        scripted(certificates, saying(CREATED)) as server,
        ConnectProxy(login="mill:right") as proxy,
        opened(through(proxy, "mill:hunter2"), certificates) as made,
    ):
        assert await ask(made, to(server.port)) is TransportFailure.CONNECT
    assert (proxy.tunnels, server.connections) == (0, 0)
    assert "it answers 407" in caplog.text
    assert not [text for text in ("hunter2", "bWlsbDpodW50ZXIy") if text in caplog.text]  # the same in base64


async def test_a_push_service_that_the_proxy_cannot_reach(certificates):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening
        async with ConnectProxy() as proxy, opened(through(proxy), certificates) as made:
            assert await ask(made, to(held.getsockname()[1])) is TransportFailure.CONNECT
    assert len(proxy.asked) == 1


async def test_a_proxy_that_is_not_there_is_not_passed_by(certificates):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        proxy = ConnectProxy(port=held.getsockname()[1])
        async with (
            scripted(certificates, saying(CREATED)) as server,
            opened(through(proxy), certificates) as made,
        ):
            assert await ask(made, to(server.port)) is TransportFailure.CONNECT
    assert server.connections == 0


def test_a_proxy_whose_name_does_not_exist():
    async def scenario():
        async with opened(partial(AiohttpTransport, proxy=Proxy("http://proxy.example:3128"))) as made:
            return await ask(made, to(443, host=NAME))

    assert with_names({NAME: PUBLIC}, scenario) is TransportFailure.DNS


async def test_a_proxy_that_hangs(certificates):
    async with ConnectProxy(hangs=True) as proxy, opened(through(proxy), certificates, within=SHORT) as made:
        assert await ask(made, to(443)) is TransportFailure.TIMEOUT
        await until(lambda: proxy.open_connections == 0)
    assert proxy.asked == ["CONNECT localhost:443"]


async def test_a_proxy_that_hangs_once_it_has_given_a_tunnel(certificates):
    async with ConnectProxy(says=TUNNEL) as proxy, opened(through(proxy), certificates, within=SHORT) as made:
        assert await ask(made, to(443)) is TransportFailure.TIMEOUT
        await until(lambda: proxy.open_connections == 0)


GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone"
NO_TUNNELS = {
    "nothing": b"",
    "the end before the headers' end": b"HTTP/1.1 200 Connec",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "too much": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "a tunnel that ends": TUNNEL,
    "a tunnel and an answer in it": TUNNEL + GONE,
    "a tunnel with a body": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(GONE) + GONE,
    "hints and a refusal": b"HTTP/1.1 103 Early Hints\r\n\r\n" + GONE,
    "another protocol": b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + GONE,
    "TLS of its own making": TUNNEL + b"\x15\x03\x03\x00\x02\x02\x28",
}


@pytest.mark.parametrize("says", NO_TUNNELS.values(), ids=NO_TUNNELS.keys())
async def test_a_proxy_that_says_something_else_and_hangs_up(certificates, caplog, says):
    async with (
        scripted(certificates, saying(CREATED)) as server,
        ConnectProxy(says=says, cuts=True) as proxy,
        opened(through(proxy), certificates) as made,
    ):
        answer = await ask(made, to(server.port))
    assert isinstance(answer, TransportFailure)
    assert not isinstance(classify(PushService.FCM, answer), Settled)
    assert (server.connections, len(proxy.asked)) == (0, 1)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_an_answer_that_lies_in_the_tunnel_before_tls_answers_nothing(certificates):
    async with (
        scripted(certificates, saying(CREATED)) as server,
        ConnectProxy(says=TUNNEL + GONE) as proxy,
        opened(through(proxy), certificates, within=1.0) as made,
    ):
        assert await ask(made, to(server.port)) in {TransportFailure.TLS, TransportFailure.TIMEOUT}
        await until(lambda: proxy.open_connections == 0)
    assert server.arrived == []


async def test_a_proxy_that_cuts_a_request_under_way(certificates):
    async with scripted(certificates, silence) as server, contextlib.AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(ConnectProxy())
        async with opened(through(proxy), certificates) as made:
            asked = asyncio.create_task(ask(made, to(server.port)))
            await until(lambda: server.arrived)
            await stack.aclose()
            assert await asked is TransportFailure.RESET
    assert len(server.arrived) == 1  # never sent again: it may have been accepted


async def test_close_lands_what_waits_for_a_tunnel(certificates):
    async with ConnectProxy(hangs=True) as proxy, opened(through(proxy), certificates) as made:
        asked = asyncio.create_task(ask(made, to(443)))
        await until(lambda: proxy.asked)
        await made.close()
        assert await asyncio.wait_for(asked, GENEROUS) is TransportFailure.RESET


# ── the guard ───────────────────────────────────────────────────────────────────────────────────────────────


def guarded(names, host=NAME, certificates=None):
    """Push twice through a proxy, guarded; return the answers, the proxy's requests and the look-ups."""

    async def scenario():
        served = certificates or Certificates(host)
        async with (
            scripted(served, saying(CREATED)) as server,
            ConnectProxy() as proxy,
            opened(through(proxy), served, allow_private=False) as made,
        ):
            answers = [await ask(made, to(server.port, host=host)) for _ in range(2)]
            return answers, [each.partition(":")[0] for each in proxy.asked], asyncio.get_running_loop().asked

    return with_names(names, scenario)


def test_a_name_whose_addresses_are_public_goes_through_and_is_looked_up_once():
    assert guarded({NAME: PUBLIC}) == ([PushResponse(201)] * 2, [f"CONNECT {NAME}"], [NAME])


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        [*PUBLIC, "::1"],
        ["fd00::1", *PUBLIC],
    ],
)
def test_the_proxy_is_not_asked_for_a_name_with_an_address_that_is_not_public(addresses):
    answers, asked, _ = guarded({NAME: addresses})
    assert (answers, asked) == ([TransportFailure.ADDRESS_REFUSED] * 2, [])


def test_nor_for_a_name_that_does_not_exist():
    assert guarded({})[:2] == ([TransportFailure.DNS] * 2, [])


def test_nor_for_a_private_address_itself():
    answers, asked, looked_up = guarded({}, host="127.0.0.1")
    assert (answers, asked, looked_up) == ([TransportFailure.ADDRESS_REFUSED] * 2, [], [])


def test_a_private_name_is_looked_up_by_the_proxy_alone_where_it_is_allowed():
    async def scenario():
        served = Certificates(NAME)
        async with (
            scripted(served, saying(CREATED)) as server,
            ConnectProxy() as proxy,
            opened(through(proxy), served, allow_private=True) as made,
        ):
            return await ask(made, to(server.port, host=NAME)), asyncio.get_running_loop().asked

    assert with_names({}, scenario) == (PushResponse(201), [])


def test_the_proxys_own_name_may_be_private():
    async def scenario():
        served = Certificates(NAME)
        async with scripted(served, saying(CREATED)) as server, ConnectProxy() as proxy:
            factory = partial(AiohttpTransport, proxy=Proxy(f"http://proxy.internal:{proxy.port}"))
            async with opened(factory, served, allow_private=False) as made:
                return await ask(made, to(server.port, host=NAME))

    assert with_names({NAME: PUBLIC, "proxy.internal": ["127.0.0.1"]}, scenario) == PushResponse(201)


def test_an_endpoint_by_the_proxys_own_name_is_guarded_as_any():
    async def scenario():
        async with ConnectProxy() as proxy:
            factory = partial(AiohttpTransport, proxy=Proxy(f"http://proxy.internal:{proxy.port}"))
            async with opened(factory, allow_private=False) as made:
                return await ask(made, to(443, host="proxy.internal")), proxy.asked

    names = {"proxy.internal": ["127.0.0.1"]}
    assert with_names(names, scenario) == (TransportFailure.ADDRESS_REFUSED, [])


def test_the_time_out_is_for_look_up_tunnel_and_answer_together():
    class Slow(NamesLoop):
        async def getaddrinfo(self, *_args, **_how):
            await asyncio.Event().wait()

    async def scenario():
        async with (
            ConnectProxy() as proxy,
            opened(through(proxy), allow_private=False, within=SHORT) as made,
        ):
            return await ask(made, to(443, host=NAME))

    with asyncio.Runner(loop_factory=partial(Slow, {})) as runner:
        assert runner.run(scenario()) is TransportFailure.TIMEOUT


# ── which transport ─────────────────────────────────────────────────────────────────────────────────────────


async def test_no_other_transport_takes_a_proxy_and_leaves_it_aside():
    how = {"timeout": GENEROUS, "tls": tls_context(None), "allow_private": True, "proxy": Proxy("http://p:1")}
    async with make_transport("aiohttp", **how) as made:
        assert isinstance(made, AiohttpTransport)
    with pytest.raises(ValueError, match="httptools does not support a proxy"):
        make_transport("httptools", **how)
