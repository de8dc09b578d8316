"""What tests of transports are made of: requests, landings, and servers that answer byte for byte."""

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from crypto.aes128gcm import encrypt
from crypto.keys import parse_subscription_keys
from crypto.vapid import generate_vapid_key, sign
from tests.harness.agreement import agreed_with
from tests.harness.serving import serving
from tests.harness.waiting import GENEROUS
from worker.edges.http.transports import tls_context
from worker.push.answers import Answer
from worker.push.request import PushHeaders, PushRequest, push_headers
from worker.push.services import Endpoints, HostRule
from worker.records.job import Urgency
from worker.simulator.service import SimulatedPushService

SHORT = 0.3
"""Seconds: the time-out of tests that wait for it."""

ARRIVED = 1.0
"""Seconds: the time-out of tests that wait for it, and whose request must arrive before."""

KEY = generate_vapid_key()

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"

NAME = "push.example"


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
    """Wait until what is in transit within this process has arrived: every turn polls the sockets."""
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
    """Make a request by hand, with any headers."""
    endpoint = Endpoints([HostRule(host, port)]).parse(f"https://{host}:{port}{target}")
    return PushRequest(endpoint, PushHeaders(headers or {"TTL": "60"}), body)


def push(service: SimulatedPushService, subscription) -> PushRequest:
    """Make a correct push, as the worker does."""
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
    return PushRequest(endpoint, headers, encrypt(b"hello", parsed, agreed_with(parsed), os.urandom(16)))


@dataclass
class Arrived:
    """A request as it arrived."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int


Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]

Script = Callable[[Wire, Arrived], Awaitable[bool]]
"""Answers a request, and returns whether the connection stays open."""


@dataclass
class ScriptedServer:
    """A TLS server that answers byte for byte from a script, and records what arrives."""

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
