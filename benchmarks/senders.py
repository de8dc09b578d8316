"""Posting pushes over TLS with parts of the worker: CPU microseconds a push of this process.

    python -m benchmarks.senders NAME < task.json

A task gives the subscriptions, the requests at once and the size; the first tenth of the pushes opens the
connections and is not counted.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from crypto.aes128gcm import encrypt
from crypto.keys import decode_subscription_keys
from crypto.vapid import TokenCache, VapidKey, generate_vapid_key
from tests.harness.agreement import agreed_with
from tests.harness.simulator import Subscriptions
from worker.edges.http.http1 import request_bytes
from worker.edges.http.transports import (
    TRANSPORTS,
    AiohttpTransport,
    HttptoolsTransport,
    Transport,
    tls_context,
)
from worker.push.answers import Answer, PushResponse
from worker.push.request import PushRequest, push_headers
from worker.push.services import Endpoint, Endpoints, HostRule
from worker.records.job import Urgency

SUBJECT = "mailto:ops@example.com"
WARM_UP = 0.1


@dataclass(frozen=True)
class Task:
    ca: Path
    subscriptions: Subscriptions
    in_flight: int = 64
    size: int = 300

    @property
    def text(self) -> bytes:
        return b"x" * self.size

    def halves(self, items: list[Any]) -> tuple[list[Any], list[Any]]:
        """Split items into those that warm up and those that are measured."""
        cut = max(self.in_flight, int(len(items) * WARM_UP))
        return items[:cut], items[cut:]


class RequestBuilder:
    """The worker's own steps from a subscription to a request, in isolation."""

    def __init__(self, key: VapidKey | None = None) -> None:
        self._key = key or generate_vapid_key()
        self._tokens = TokenCache(SUBJECT)
        self._endpoints: Endpoints | None = None

    def request(self, subscription: dict[str, Any], text: bytes) -> PushRequest:
        endpoint = self._admit(subscription["endpoint"])
        keys = decode_subscription_keys(subscription["keys"]["p256dh"], subscription["keys"]["auth"])
        headers = push_headers(
            endpoint.origin.service,
            authorization=self._tokens.authorization(self._key, endpoint.origin.url, time.time()),
            content_type="application/json",
            ttl=60,
            urgency=Urgency.NORMAL,
            topic=None,
        )
        return PushRequest(endpoint, headers, encrypt(text, keys, agreed_with(keys), os.urandom(16)))

    def _admit(self, url: str) -> Endpoint:
        if self._endpoints is None:
            port = int(url.split("/")[2].rpartition(":")[2])
            self._endpoints = Endpoints([HostRule("localhost", port)])
        return self._endpoints.parse(url)


# ── contestants ─────────────────────────────────────────────────────────────────────────────────────────────


class Bare(asyncio.Protocol):
    """Writes the next request as soon as any data arrives: the least that TLS and the event loop cost."""

    def __init__(self, wires: Iterator[bytes], ended: Callable[[], None]) -> None:
        self._wires = wires
        self._ended = ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def go(self) -> None:
        self.data_received(b"")

    def data_received(self, _data: bytes) -> None:
        wire = next(self._wires, None)
        if wire is None:
            self._ended()
        else:
            self._transport.write(wire)  # type: ignore[attr-defined]


async def bare(task: Task) -> float:
    """Write requests made beforehand to an asyncio protocol over TLS, and read the answers."""
    builder = RequestBuilder()
    wires = [request_bytes(builder.request(each, task.text)) for each in task.subscriptions]
    port = int(task.subscriptions[0]["endpoint"].split("/")[2].rpartition(":")[2])
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(
            lambda: Bare(iter(()), lambda: None), "localhost", port, ssl=tls_context(task.ca)
        )
        for _ in range(task.in_flight)
    ]

    async def send(some: list[bytes]) -> None:
        wires, running, done = iter(some), len(made), loop.create_future()

        def ended() -> None:
            nonlocal running
            running -= 1
            if not running:
                done.set_result(None)

        for _, protocol in made:
            protocol._wires, protocol._ended = wires, ended  # noqa: SLF001 - set again for each part
            protocol.go()
        await done

    return await timed(task, wires, send)


async def timed(task: Task, items: list[Any], send: Callable[[list[Any]], Awaitable[None]]) -> float:
    """Send a first part, then the rest; return the CPU microseconds a push of the rest."""
    first, rest = task.halves(items)
    await send(first)
    began = time.process_time()
    await send(rest)
    return (time.process_time() - began) / len(rest) * 1e6


def transport_only(name: str) -> Callable[[Task], Awaitable[float]]:
    """Post requests made beforehand with one of the worker's transports."""

    async def run(task: Task) -> float:
        builder = RequestBuilder()
        made = [builder.request(each, task.text) for each in task.subscriptions]
        async with _opened(name, task) as transport:
            return await timed(task, made, lambda some: _post_all(transport, iter(some), task.in_flight))

    return run


def core(name: str, batch: int = 1) -> Callable[[Task], Awaitable[float]]:
    """Parse, encrypt, authorize, build and post, without Kafka or outcomes."""

    async def run(task: Task) -> float:
        builder = RequestBuilder()

        def made(some: Subscriptions) -> Iterator[PushRequest]:
            for first in range(0, len(some), batch):
                yield from [builder.request(each, task.text) for each in some[first : first + batch]]

        async with _opened(name, task) as transport:
            return await timed(
                task, task.subscriptions, lambda some: _post_all(transport, made(some), task.in_flight)
            )

    return run


def _opened(name: str, task: Task) -> AiohttpTransport | HttptoolsTransport:
    return TRANSPORTS[name](timeout=30.0, tls=tls_context(task.ca), allow_private=True)


async def _post_all(transport: Transport, requests: Iterator[PushRequest], in_flight: int) -> None:
    done = asyncio.get_running_loop().create_future()
    running = 0

    def landed(answer: Answer) -> None:
        nonlocal running
        assert isinstance(answer, PushResponse), answer
        assert answer.status == 201, answer
        running -= 1
        post()

    def post() -> None:
        nonlocal running
        request = next(requests, None)
        if request is not None:
            running += 1
            transport.post(request, landed)
        elif not running:
            done.set_result(None)

    for _ in range(in_flight):
        post()
        if done.done():
            break
    await done


SENDERS: dict[str, Callable[[Task], Awaitable[float]]] = {
    "bare": bare,
    "transport httptools": transport_only("httptools"),
    "transport aiohttp": transport_only("aiohttp"),
    "core httptools": core("httptools"),
    "core httptools, batches of 32": core("httptools", 32),
    "core aiohttp": core("aiohttp"),
}


def main(senders: dict[str, Callable[[Task], Awaitable[float]]]) -> None:
    given = json.load(sys.stdin)
    task = Task(**(given | {"ca": Path(given["ca"])}))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(senders[sys.argv[1]](task)))


if __name__ == "__main__":
    main(SENDERS)
