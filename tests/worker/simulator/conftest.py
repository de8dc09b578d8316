import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from crypto.aes128gcm import encrypt
from crypto.keys import parse_subscription_keys
from crypto.vapid import VapidKey, generate_vapid_key, sign
from tests.harness.agreement import agreed_with
from worker.simulator.certificates import Certificates
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A raw TLS connection to a service, to examine answers byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def response(self) -> Response:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        original = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in head[1:] if line}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Response(int(head[0].split()[1]), original, body)

    async def ended(self) -> bool:
        """Whether only the end of the connection is left to read."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True


@dataclass
class Sender:
    """Builds pushes by hand, so that any part of one can be made wrong."""

    service: SimulatedPushService
    certificates: Certificates
    key: VapidKey

    def authorization(self, *, audience: str = "", expires_in: int = 3600, subject: str = "") -> str:
        subject = subject or "mailto:ops@example.com"
        return sign(self.key, audience or self.service.origin, subject, int(time.time()) + expires_in)

    def headers(self, **changes: str | None) -> dict[str, str]:
        """The headers of a correct push, changed; underscores stand for hyphens, None removes one."""
        right = {
            "Host": self.service.origin.removeprefix("https://"),
            "TTL": "60",
            "Content-Type": "application/json",
            "Content-Encoding": "aes128gcm",
            "Authorization": self.authorization(),
        }
        if self.service.profile == "wns":
            right["X-WNS-Cache-Policy"] = "cache"
        for name, value in changes.items():
            key = name.replace("_", "-")
            right = {k: v for k, v in right.items() if k.lower() != key.lower()}
            if value is not None:
                right[key] = value
        return right

    def body(self, subscription: Subscription, plaintext: bytes) -> bytes:
        keys: Any = subscription.to_json()["keys"]
        parsed = parse_subscription_keys(keys["p256dh"], keys["auth"])
        return encrypt(plaintext, parsed, agreed_with(parsed), os.urandom(16))

    def request(
        self,
        subscription: Subscription,
        plaintext: bytes = b"hello",
        *,
        method: str = "POST",
        target: str = "",
        body: bytes | None = None,
        **changes: str | None,
    ) -> bytes:
        body = self.body(subscription, plaintext) if body is None else body
        target = target or subscription.endpoint.removeprefix(self.service.origin)
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers(**changes).items()]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Wire]:
        context = self.certificates.client_context()
        reader, writer = await asyncio.open_connection("localhost", self.service.port, ssl=context)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                await writer.wait_closed()

    async def push(self, subscription: Subscription, plaintext: bytes = b"hello", **changes: Any) -> Response:
        async with self.connect() as wire:
            wire.send(self.request(subscription, plaintext, **changes))
            return await wire.response()

    async def ask(self, method: str, target: str, body: bytes = b"") -> Response:
        async with self.connect() as wire:
            head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            wire.send(head.encode() + body)
            return await wire.response()


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture(scope="session")
def vapid_key() -> VapidKey:
    return generate_vapid_key()


@pytest.fixture
async def start(certificates: Certificates, vapid_key: VapidKey) -> AsyncIterator[Callable[..., Any]]:
    """A function that starts a service and returns a sender for it."""
    async with contextlib.AsyncExitStack() as stack:

        async def started(profile: str = "fcm", **options: Any) -> Sender:
            options.setdefault("pace", 0.001)
            service = SimulatedPushService(profile, ssl_context=certificates.server_context(), **options)
            await stack.enter_async_context(service)
            return Sender(service, certificates, vapid_key)

        yield started
