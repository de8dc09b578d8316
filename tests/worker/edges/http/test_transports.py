"""What any transport must do, whatever it is made of: add one to TRANSPORTS and all of it holds for it, too.

Against simulated push services for what those do wrong on demand, and against a scripted TLS server for what
only bytes can say. The one sentence behind most of it: a request that may have been taken is never sent
again, and lands exactly once.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
import uvloop

from crypto.aes128gcm import encrypt
from crypto.keys import generate_ephemeral_key, parse_subscription_keys
from crypto.vapid import generate_vapid_key, sign
from tests.harness.connect_proxy import in_a_thread
from tests.harness.serving import serving
from tests.harness.waiting import GENEROUS, until
from worker.edges.http.transport import ANSWER_MAX_BYTES
from worker.edges.http.transports import TRANSPORTS, AiohttpTransport, HttptoolsTransport, tls_context
from worker.push.answers import Answer, PushResponse, TransportFailure
from worker.push.proxy import Proxy
from worker.push.request import PushHeaders, PushRequest, push_headers
from worker.push.services import Endpoints, HostRule
from worker.records.job import Urgency
from worker.simulator.answers import Fault, ScriptedAnswer
from worker.simulator.certificates import Certificates
from worker.simulator.service import SimulatedPushService

SHORT = 0.3
"""Seconds: the time-out of tests that wait for it."""

ARRIVED = 1.0
"""Seconds: the time-out of tests that wait for it, and whose request has to arrive before."""

KEY = generate_vapid_key()
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


PROXIED = "aiohttp-through-a-proxy"


@pytest.fixture(params=[*TRANSPORTS, PROXIED])
def transport(request):
    """A factory: it takes `timeout`, `tls` and `allow_private`, and is called inside a running loop."""
    if request.param == PROXIED:
        return partial(AiohttpTransport, proxy=Proxy(request.getfixturevalue("proxy").url))
    return TRANSPORTS[request.param]


@pytest.fixture(params=TRANSPORTS)
def direct(request):
    """As `transport`, of those that look names up to connect to them."""
    return TRANSPORTS[request.param]


@pytest.fixture(scope="module")
def proxy():
    with in_a_thread() as made:
        yield made


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


# ── tools ───────────────────────────────────────────────────────────────────────────────────────────────────


class Landings:
    """Counts how often a request lands, and waits for the first time."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self._first = asyncio.Event()

    def __call__(self, answer: Answer) -> None:
        self.answers.append(answer)
        self._first.set()

    async def only(self) -> Answer:
        await asyncio.wait_for(self._first.wait(), GENEROUS)
        await turns(3)
        [answer] = self.answers
        return answer


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def settled() -> None:
    """What is on its way within this process has come, however slow that is: every turn polls the sockets."""
    for _ in range(20):
        await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def opened(factory, certificates=None, *, within=GENEROUS, allow_private=True, tls=None):
    tls = tls or (certificates.client_context() if certificates else tls_context(None))
    made = factory(timeout=within, tls=tls, allow_private=allow_private)
    try:
        yield made
    finally:
        await made.close()


async def ask(transport, request: PushRequest) -> Answer:
    landings = Landings()
    transport.post(request, landings)
    assert landings.answers == []  # later, from the event loop
    return await landings.only()


def to(port, target="/send/1", host="localhost", body=b"ciphertext", **headers) -> PushRequest:
    """A request by hand: its headers say what they like."""
    endpoint = Endpoints([HostRule(host, port)]).parse(f"https://{host}:{port}{target}")
    return PushRequest(endpoint, PushHeaders(headers or {"TTL": "60"}), body)


def push(service: SimulatedPushService, subscription) -> PushRequest:
    """A correct push, as the worker makes it."""
    keys = subscription.to_json()["keys"]
    parsed = parse_subscription_keys(keys["p256dh"], keys["auth"])
    endpoint = Endpoints([HostRule("localhost", service.port)]).parse(subscription.endpoint)
    headers = push_headers(
        endpoint.origin.service,
        authorization=sign(KEY, service.origin, "mailto:ops@example.com", int(time.time()) + 3600),
        content_type="application/json",
        ttl=60,
        urgency=Urgency.NORMAL,
        topic=None,
    )
    return PushRequest(endpoint, headers, encrypt(b"hello", parsed, generate_ephemeral_key(), os.urandom(16)))


@dataclass
class Arrived:
    """A request as its bytes came."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int


Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Script = Callable[[Wire, Arrived], Awaitable[bool]]
"""Answers a request, and returns whether the connection lives on."""


@dataclass
class ScriptedServer:
    """A TLS server that answers byte for byte as it is told, and keeps what came."""

    script: Script
    port: int = 0
    connections: int = 0
    arrived: list[Arrived] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        number = self.connections
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while await self.script((reader, writer), await self._arrival(reader, number)):
                pass
        writer.close()

    async def _arrival(self, reader: asyncio.StreamReader, number: int) -> Arrived:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head[1:] if line]
        length = int({name.lower(): value for name, value in headers}.get("content-length", "0"))
        arrived = Arrived(head[0], headers, await reader.readexactly(length), number)
        self.arrived.append(arrived)
        return arrived


@contextlib.asynccontextmanager
async def scripted(certificates, script) -> AsyncIterator[ScriptedServer]:
    made = ScriptedServer(script)
    async with serving(made.connected, ssl=certificates.server_context(), limit=1 << 20) as made.port:
        try:
            yield made
        finally:
            for writer in made.writers:
                writer.transport.abort()


def saying(*pieces: bytes, lives: bool = True) -> Script:
    """Answer each request with these bytes, each piece in a write and a TLS record of its own."""

    async def answer(wire: Wire, _arrived: Arrived) -> bool:
        for piece in pieces:
            wire[1].write(piece)
            await wire[1].drain()
            await asyncio.sleep(0.01 if len(pieces) > 1 else 0)
        return lives

    return answer


async def silence(_wire: Wire, _arrived: Arrived) -> bool:
    await asyncio.get_running_loop().create_future()
    return False


@pytest.fixture
async def service(certificates):
    async with SimulatedPushService("mozilla", ssl_context=certificates.server_context(), pace=0.001) as made:
        yield made


# ── what a simulated push service does ──────────────────────────────────────────────────────────────────────


async def test_a_push_arrives_and_its_answer_lands(transport, certificates, service):
    [subscription] = service.subscribe()
    async with opened(transport, certificates) as made:
        answer = await ask(made, push(service, subscription))
    assert answer == PushResponse(201, {"ttl": "60"}, b"")
    [seen] = service.pushes(subscription)
    assert (seen.plaintext, seen.taken) == (b"hello", True)


async def test_of_an_answers_headers_only_those_that_are_read_come_back(transport, certificates, service):
    [subscription] = service.subscribe()
    extra = (("X-WNS-Status", "received"), ("Set-Cookie", "a=b"))
    service.script(subscription, [ScriptedAnswer(429, retry_after=7, headers=extra, body="slow down")])
    async with opened(transport, certificates) as made:
        answer = await ask(made, push(service, subscription))
    assert answer == PushResponse(429, {"retry-after": "7", "x-wns-status": "received"}, b"slow down")


WHOLE = PushResponse(201, {"ttl": "60"}, b"")
FAULTS = {
    Fault.RESET_EARLY: TransportFailure.RESET,
    Fault.RESET_LATE: TransportFailure.RESET,
    Fault.RESET_MIDWAY: TransportFailure.RESET,
    Fault.CLOSE: WHOLE,
    Fault.CUT: WHOLE,
    Fault.SLOW_HEADERS: WHOLE,
    Fault.GARBAGE: TransportFailure.BAD_ANSWER,
    Fault.INFORMATIONAL: WHOLE,
    Fault.SPLIT: WHOLE,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_lands_once_is_not_sent_again_and_harms_no_later_push(
    transport, certificates, service, fault
):
    broken, fine = service.subscribe(2)
    service.script(broken, [ScriptedAnswer(201, fault=fault)])
    async with opened(transport, certificates) as made:
        assert await ask(made, push(service, fine)) == WHOLE  # so that the next one finds a connection open
        assert await ask(made, push(service, broken)) == FAULTS[fault]
        if fault is Fault.CUT:  # its connection looks usable until its end has come through
            await until(lambda: service.stats.open_connections == 0)
        assert await ask(made, push(service, fine)) == WHOLE
        await turns(20)
    assert len(service.pushes(broken)) == 1
    assert len(service.pushes(fine)) == 2


async def test_oversized_headers_are_taken_or_refused_but_never_sent_again(transport, certificates, service):
    broken, fine = service.subscribe(2)
    service.script(broken, [ScriptedAnswer(201, fault=Fault.OVERSIZED_HEADERS)])
    async with opened(transport, certificates) as made:
        assert await ask(made, push(service, broken)) in (TransportFailure.BAD_ANSWER, WHOLE)
        assert await ask(made, push(service, fine)) == WHOLE
    assert len(service.pushes(broken)) == 1


async def test_no_answer_in_time(transport, certificates, service):
    [subscription] = service.subscribe()
    service.script(subscription, [ScriptedAnswer(201, fault=Fault.HANG)])
    async with opened(transport, certificates, within=ARRIVED) as made:
        assert await ask(made, push(service, subscription)) is TransportFailure.TIMEOUT
        await until(lambda: service.stats.open_connections == 0)
    assert len(service.pushes(subscription)) == 1


async def test_headers_that_drip_too_slowly(transport, certificates, service):
    [subscription] = service.subscribe()
    service.pace = ARRIVED / 4
    service.script(subscription, [ScriptedAnswer(201, fault=Fault.SLOW_HEADERS)])
    async with opened(transport, certificates, within=ARRIVED) as made:
        assert await ask(made, push(service, subscription)) is TransportFailure.TIMEOUT
    assert len(service.pushes(subscription)) == 1


async def test_an_endless_body_is_cut_and_its_status_stands(transport, certificates, service):
    [subscription] = service.subscribe()
    service.script(subscription, [ScriptedAnswer(201, fault=Fault.ENDLESS_BODY)])
    async with opened(transport, certificates) as made:
        answer = await ask(made, push(service, subscription))
        assert (answer.status, answer.body) == (201, b"x" * ANSWER_MAX_BYTES)
        await until(lambda: service.stats.open_connections == 0)


@pytest.mark.parametrize("status", [302, 307])
async def test_redirects_are_not_followed(transport, certificates, service, status):
    first, second = service.subscribe(2)
    service.script(first, [ScriptedAnswer(status, headers=(("Location", second.endpoint),))])
    async with opened(transport, certificates) as made:
        assert (await ask(made, push(service, first))).status == status
    assert service.pushes(second) == []


# ── connections ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_after_the_other_share_a_connection(transport, certificates):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        for _ in range(5):
            assert await ask(made, to(server.port)) == PushResponse(201)
    assert (server.connections, len(server.arrived)) == (1, 5)


async def test_at_once_they_have_a_connection_each_without_limit(transport, certificates):
    everyone = asyncio.Event()

    async def together(wire: Wire, _arrived: Arrived) -> bool:
        await everyone.wait()
        wire[1].write(CREATED)
        return True

    async with scripted(certificates, together) as server, opened(transport, certificates) as made:
        landings = [Landings() for _ in range(120)]  # more than an HTTP client's usual 100
        for each in landings:
            made.post(to(server.port), each)
        await until(lambda: len(server.arrived) == 120)
        everyone.set()
        assert [await each.only() for each in landings] == [PushResponse(201)] * 120


async def test_what_has_to_wait_for_its_connection_is_asked_for_and_not_sent_after_a_no(
    transport, certificates
):
    asked, landings = [], Landings()

    def may_go(answer: bool) -> bool:
        asked.append(answer)
        return answer

    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        made.post(to(server.port, "/no"), landings, partial(may_go, False))
        assert asked == []
        await until(lambda: asked)
        made.post(to(server.port, "/yes"), landings, partial(may_go, True))
        assert (await landings.only()).status == 201
        await settled()
    assert [each.line for each in server.arrived] == ["POST /yes HTTP/1.1"]
    assert len(landings.answers) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_connection_that_is_said_to_close_is_not_used_again(transport, certificates, answer):
    async with scripted(certificates, saying(answer)) as server, opened(transport, certificates) as made:
        for _ in range(3):
            assert await ask(made, to(server.port)) == PushResponse(201)
    assert server.connections == 3


async def test_a_connection_that_was_closed_while_idle_is_not_used_again(transport, certificates):
    async with (
        scripted(certificates, saying(CREATED, lives=False)) as server,
        opened(transport, certificates) as made,
    ):
        assert await ask(made, to(server.port)) == PushResponse(201)
        await until(server.writers[0].is_closing)
        await settled()  # the end of a connection is on its way to the client
        assert await ask(made, to(server.port)) == PushResponse(201)
    assert [each.connection for each in server.arrived] == [1, 2]


async def test_a_connection_that_breaks_on_its_second_request_is_a_failure_and_no_second_try(
    transport, certificates
):
    async def once(wire: Wire, arrived: Arrived) -> bool:
        first = len(server.arrived) == 1
        if first:
            wire[1].write(CREATED)
        else:
            wire[1].transport.abort()
        return first

    async with scripted(certificates, once) as server, opened(transport, certificates) as made:
        assert await ask(made, to(server.port)) == PushResponse(201)
        assert await ask(made, to(server.port)) is TransportFailure.RESET
        await settled()
    assert [each.connection for each in server.arrived] == [1, 1]


STALE = b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone"


@pytest.mark.parametrize(
    "pieces", [(CREATED + STALE,), (CREATED, STALE), (CREATED, b"\r\n"), (CREATED, b"x")]
)
async def test_bytes_that_nobody_asked_for_answer_no_later_request(transport, certificates, pieces):
    async with (
        scripted(certificates, saying(*pieces)) as server,
        opened(transport, certificates) as made,
    ):
        for _ in range(3):
            assert await ask(made, to(server.port)) == PushResponse(201)
            await settled()  # what comes late comes while the connection is idle
    assert len(server.arrived) == 3


# ── answers, byte for byte ──────────────────────────────────────────────────────────────────────────────────

HEAD = b"HTTP/1.1 400 Bad Request\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BODIES = {
    "with a length": (HEAD + b"Content-Length: 5\r\n\r\nwrong",),
    "in two writes": (HEAD + b"Content-Length: 5\r\n\r\n", b"wrong"),
    "byte by byte": tuple(bytes([byte]) for byte in b"HTTP/1.1 400 X\r\nContent-Length: 5\r\n\r\nwrong"),
    "chunked": (CHUNKED + b"3\r\nwro\r\n2\r\nng\r\n0\r\n\r\n",),
    "chunked, with trailers": (CHUNKED + b"5;a=b\r\nwrong\r\n0\r\nX-Trailer: yes\r\n\r\n",),
    "chunked, in pieces": (CHUNKED, b"3\r", b"\nwro\r\n2", b"\r\nng\r\n0\r\n", b"\r\n"),
    "after hints": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"
                    + HEAD + b"Content-Length: 5\r\n\r\nwrong"),
    "without a reason": (b"HTTP/1.1 400\r\nContent-Length: 5\r\n\r\nwrong",),
}  # fmt: skip


@pytest.mark.parametrize("pieces", BODIES.values(), ids=BODIES.keys())
async def test_an_answer_in_any_form_leaves_the_connection_usable(transport, certificates, pieces):
    async with scripted(certificates, saying(*pieces)) as server, opened(transport, certificates) as made:
        for _ in range(2):
            assert await ask(made, to(server.port)) == PushResponse(400, {}, b"wrong")
    assert server.connections == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 400 Bad\r\n\r\n", b"HTTP/1.0 400 Bad\r\n\r\n"])
async def test_a_body_that_ends_with_its_connection(transport, certificates, head):
    async with (
        scripted(certificates, saying(head, b"wro", b"ng", lives=False)) as server,
        opened(transport, certificates) as made,
    ):
        assert await ask(made, to(server.port)) == PushResponse(400, {}, b"wrong")
        assert await ask(made, to(server.port)) == PushResponse(400, {}, b"wrong")
    assert server.connections == 2


@pytest.mark.parametrize("status", [200, 202, 204, 304])
async def test_answers_without_a_body(transport, certificates, status):
    wire = b"HTTP/1.1 %d X\r\n%b\r\n" % (status, b"" if status in {204, 304} else b"Content-Length: 0\r\n")
    async with scripted(certificates, saying(wire)) as server, opened(transport, certificates) as made:
        for _ in range(2):
            assert await ask(made, to(server.port)) == PushResponse(status)
    assert server.connections == 1


@pytest.mark.parametrize("size", [ANSWER_MAX_BYTES, ANSWER_MAX_BYTES + 1, 1 << 20])
async def test_no_more_of_a_body_is_read_than_matters(transport, certificates, size):
    wire = HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size
    async with scripted(certificates, saying(wire)) as server, opened(transport, certificates) as made:
        answer = await ask(made, to(server.port))
        assert answer == PushResponse(400, {}, b"x" * ANSWER_MAX_BYTES)
        assert (await ask(made, to(server.port))).status == 400
    if size > 1 << 16:  # a smaller rest may have come in with what is read, and is no reason to hang up
        assert server.connections == 2


CREATED_CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
AFTER_201 = {
    "cut": ((b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nabc",), False),
    "bad chunk": ((CREATED_CHUNKED, b"3\r\nabc\r\nzz\r\n"), True),
    "cut chunk": ((CREATED_CHUNKED + b"3\r\nabc\r\n9\r\nd",), False),
    "not gzip": ((b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",), True),
}


@pytest.mark.parametrize(("pieces", "lives"), AFTER_201.values(), ids=AFTER_201.keys())
async def test_nothing_that_follows_undoes_a_status(transport, certificates, pieces, lives):
    async with (
        scripted(certificates, saying(*pieces, lives=lives)) as server,
        opened(transport, certificates, within=1.0) as made,  # in which one may look for the body's end
    ):
        answer = await ask(made, to(server.port))
        assert answer.status == 201
        assert b"abcd".startswith(answer.body)
    assert len(server.arrived) == 1


async def test_a_bad_body_in_one_piece_with_its_status_is_never_sent_again(transport, certificates):
    async with (
        scripted(certificates, saying(CREATED_CHUNKED + b"3\r\nabc\r\nzz\r\n")) as server,
        opened(transport, certificates) as made,
    ):
        answer = await ask(made, to(server.port))
        await settled()
    assert answer is TransportFailure.BAD_ANSWER or answer.status == 201  # a parser may see it all at once
    assert len(server.arrived) == 1


async def test_a_body_that_never_comes_does_not_undo_a_status(transport, certificates):
    async def promise(wire: Wire, arrived: Arrived) -> bool:
        wire[1].write(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\na")
        return await silence(wire, arrived)

    async with (
        scripted(certificates, promise) as server,
        opened(transport, certificates, within=ARRIVED) as made,
    ):
        answer = await ask(made, to(server.port))
        assert answer.status == 201
    assert len(server.arrived) == 1


NO_ANSWERS = [
    b"HTTP/1.1 abc Created\r\n\r\n",
    b"HTTP/1.1 20 Created\r\n\r\n",
    b"HTTP/1.1  \r\n\r\n",
    b"HTP/1.1 201 Created\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    b"HTTP/1.1 201 Created\r\nContent-Length: x\r\n\r\n",
    b"HTTP/1.1 201 Created\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"HTTP/1.1 201 Created\r\nno colon\r\n\r\n",
    b"\x00\x01\x02\r\n\r\n",
    b"HTTP/1.1 201 Created\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("wire", NO_ANSWERS, ids=range(len(NO_ANSWERS)))
async def test_what_is_no_answer(transport, certificates, wire):
    async with (
        scripted(certificates, saying(wire, lives=False)) as server,
        opened(transport, certificates) as made,
    ):
        assert await ask(made, to(server.port)) is TransportFailure.BAD_ANSWER
        await settled()
    assert len(server.arrived) == 1


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 201 Crea", b"HTTP/1.1 201 Created\r\nTTL: 6"])
async def test_an_end_before_the_headers_end(transport, certificates, wire):
    async with (
        scripted(certificates, saying(wire, lives=False)) as server,
        opened(transport, certificates) as made,
    ):
        assert await ask(made, to(server.port)) is TransportFailure.RESET
        await settled()
    assert len(server.arrived) == 1


# ── requests, byte for byte ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "target",
    [
        "/w/?token=BQYAAAD%2fx%2by%3d%3D",
        "/fcm/send/a:APA91b-_~",
        "/a//b/./c/../d",
        "/%zz%",
        "/a;b=c,d'(e)*!$&+[f]",
        "/a?b=c+d&e=%20&f?g",
        "/%E2%82%AC%e2",
        "//elsewhere.example/x",
    ],
)
async def test_a_target_is_sent_as_it_is(transport, certificates, target):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        assert await ask(made, to(server.port, target)) == PushResponse(201)
    assert server.arrived[0].line == f"POST {target} HTTP/1.1"


@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 2048])
async def test_headers_are_those_given_and_three_of_the_transports_own(transport, certificates, body):
    given = {
        "TTL": "60",
        "Urgency": "very-low",
        "Authorization": "vapid t=a.b.c, k=d",
        "X-WNS-Cache-Policy": "cache",
    }
    if body:
        given |= {"Content-Encoding": "aes128gcm", "Content-Type": "application/json", "Topic": "a_-1"}
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        for _ in range(2):
            assert await ask(made, to(server.port, body=body, **given)) == PushResponse(201)
    for arrived in server.arrived:
        names = [name.lower() for name, _ in arrived.headers]
        assert sorted(names) == sorted(
            [*(name.lower() for name in given), "host", "content-length", "user-agent"]
        )
        came = {name.lower(): value for name, value in arrived.headers}
        assert came["host"] == f"localhost:{server.port}"
        assert came["content-length"] == str(len(body))
        assert came["user-agent"].startswith("pushmill/")
        assert {name: came[name.lower()] for name in given} == given
        assert arrived.body == body


async def test_a_header_that_could_be_taken_for_another_is_not_sent(transport, certificates):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        answer = await ask(made, to(server.port, TTL="60\r\nUrgency: high"))
        assert answer is TransportFailure.BAD_ANSWER
        assert await ask(made, to(server.port)) == PushResponse(201)
    assert len(server.arrived) == 1


async def test_cookies_are_not_kept(transport, certificates):
    wire = b"HTTP/1.1 201 Created\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with scripted(certificates, saying(wire)) as server, opened(transport, certificates) as made:
        for _ in range(2):
            await ask(made, to(server.port))
    assert "cookie" not in {name.lower() for name, _ in server.arrived[1].headers}


async def test_a_proxy_in_the_environment_is_ignored(transport, certificates, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        assert await ask(made, to(server.port)) == PushResponse(201)


# ── TLS, connecting, names ──────────────────────────────────────────────────────────────────────────────────


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
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else's
        async with opened(transport, certificates) as made:
            assert await ask(made, to(held.getsockname()[1])) is TransportFailure.CONNECT


class NamesLoop(asyncio.SelectorEventLoop):
    """A loop with a name service of its own: what is not in `names` does not exist."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        super().__init__()
        self.names = names
        self.asked: list[str] = []

    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):  # noqa: A002 - asyncio's name
        self.asked.append(host)
        addresses = self.names.get(host)
        if addresses is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6, type, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, type, 6, "", (address, port))
            for address in addresses
        ]


def with_names(names, scenario):
    """Run a coroutine function on a loop that knows these names."""
    with asyncio.Runner(loop_factory=partial(NamesLoop, names)) as runner:
        return runner.run(scenario())


NAME = "push.example"


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


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_close_lands_what_is_under_way_once(transport, certificates):
    async with scripted(certificates, silence) as server, opened(transport, certificates) as made:
        landings = [Landings() for _ in range(5)]
        for each in landings:
            made.post(to(server.port), each)
        await until(lambda: len(server.arrived) == 5)
        await made.close()
        assert [each.answers for each in landings] == [[TransportFailure.RESET]] * 5
        await turns(10)
        assert [len(each.answers) for each in landings] == [1] * 5


async def test_close_does_not_undo_a_status_that_has_come(transport, certificates):
    async def promise(wire: Wire, arrived: Arrived) -> bool:
        wire[1].write(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\na")
        return await silence(wire, arrived)

    async with scripted(certificates, promise) as server, opened(transport, certificates) as made:
        landings = Landings()
        made.post(to(server.port), landings)
        await until(lambda: server.arrived)
        await settled()  # the status is on its way
        await made.close()
        [answer] = landings.answers
        assert answer.status == 201


@pytest.mark.parametrize("count", range(6))
async def test_close_lands_what_has_hardly_begun(transport, certificates, count):
    async with scripted(certificates, silence) as server, opened(transport, certificates) as made:
        landings = Landings()
        made.post(to(server.port), landings)
        await turns(count)
        await made.close()
        assert landings.answers == [TransportFailure.RESET]


async def test_close_lets_go_of_idle_connections(transport, certificates):
    ended = asyncio.Event()

    async def answer_once(wire: Wire, _arrived: Arrived) -> bool:
        wire[1].write(CREATED)
        with contextlib.suppress(ConnectionError):
            await wire[0].read(1)
        ended.set()
        return False

    async with scripted(certificates, answer_once) as server, opened(transport, certificates) as made:
        await ask(made, to(server.port))
        await made.close()
        await asyncio.wait_for(ended.wait(), GENEROUS)


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
async def test_a_loop_can_end_right_after_a_time_out(transport, certificates, loop):
    async def scenario(port):
        async with opened(transport, certificates, within=SHORT) as made:
            return await ask(made, to(port))

    def in_a_loop_of_its_own(port):
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(scenario(port))

    async with scripted(certificates, silence) as server:
        for _ in range(4):  # what would be left over would not break the end each time
            assert await asyncio.to_thread(in_a_loop_of_its_own, server.port) is TransportFailure.TIMEOUT


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
async def test_a_loop_can_end_right_after_a_failed_handshake(transport, certificates, loop):
    async def scenario(port):
        async with opened(transport) as made:
            return await ask(made, to(port))

    def in_a_loop_of_its_own(port):
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(scenario(port))

    async with scripted(certificates, silence) as server:
        for _ in range(4):
            assert await asyncio.to_thread(in_a_loop_of_its_own, server.port) is TransportFailure.TLS


async def test_close_twice_and_unused(transport):
    async with opened(transport) as made:
        await made.close()


async def test_what_is_posted_after_the_end_lands_as_a_reset(certificates):
    async with scripted(certificates, silence) as server, opened(HttptoolsTransport, certificates) as made:
        first, second = Landings(), Landings()
        made.post(to(server.port), lambda answer: (first(answer), made.post(to(server.port), second)))
        await until(lambda: server.arrived)
        await made.close()
        assert await first.only() is TransportFailure.RESET
        assert await second.only() is TransportFailure.RESET
    assert len(server.arrived) == 1


async def test_landing_may_post_again(transport, certificates):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        second = Landings()
        made.post(to(server.port), lambda _: made.post(to(server.port), second))
        assert await second.only() == PushResponse(201)
    assert len(server.arrived) == 2
