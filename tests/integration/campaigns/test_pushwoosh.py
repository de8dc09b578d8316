"""PyPI's `pushwoosh`, as it is installed, against the service behind an end of TLS.

It speaks HTTPS alone, writes the whole URL into its request line, and returns answers unread.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pushwoosh
import pytest
from prometheus_client import CollectorRegistry

from campaigns.api.server import ApiServer
from campaigns.metrics import Metrics
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.pushwoosh.support import PushwooshApi
from tests.campaigns.api.support import NOW
from tests.harness.serving import pump, serving
from worker.edges.process.listening import listen
from worker.simulator.certificates import Certificates

# The client leaves closing its connections to Python.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


class TlsEnd:
    """Unpacks TLS and passes every byte on to a port, so that request lines arrive as they were sent.

    Attributes:
        heads: The first bytes of each connection.
    """

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._to = port
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self.heads: list[bytes] = []

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen, and yield the port."""
        async with serving(self._connected, ssl=self._context) as port:
            try:
                yield port
            finally:
                for task in self._tasks:
                    task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._pass_on(reader, writer)
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            far_writer.write(head)
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            far_writer.close()


class Customer:
    """A customer's program: only the host is another."""

    def __init__(self, api: PushwooshApi, end: TlsEnd) -> None:
        self.api = api
        self.end = end

    async def create(self, pushes: list[dict[str, Any]], token: str = "", **how: Any) -> tuple[int, Any]:
        client = pushwoosh.Pushwoosh(token or self.api.token, self.api.application)
        status, body = await asyncio.to_thread(client.create_message, pushes, **how)
        return status, msgspec.json.decode(body)

    async def created(self, pushes: list[dict[str, Any]], **how: Any) -> list[str]:
        """Create messages; return their codes."""
        status, answer = await self.create(pushes, **how)
        assert (status, answer["status_code"], answer["status_message"]) == (200, 200, "OK"), answer
        codes: list[str] = answer["response"]["Messages"]
        return codes


@pytest.fixture
async def customer(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Customer]:
    api = await PushwooshApi.begun(database)
    metrics, certificates = Metrics(CollectorRegistry()), Certificates()
    # The client trusts whom OpenSSL trusts.
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.write(tmp_path)))
    async with ApiServer(api.gateway, listen("127.0.0.1", 0), metrics=metrics, drain_seconds=30) as server:
        end = TlsEnd(server.port, certificates.server_context())
        async with end.listening() as port:
            monkeypatch.setattr(pushwoosh, "SERVER", f"localhost:{port}")
            monkeypatch.setattr(pushwoosh, "URL", f"https://localhost:{port}/json/1.3/")
            yield Customer(api, end)


async def test_a_message_to_everybody_at_once(customer: Customer) -> None:
    await customer.api.subscribe("w-1")
    [code] = await customer.created([{"text": "Hello"}])
    [head] = customer.end.heads
    assert head.startswith(f"POST {pushwoosh.URL}createMessage HTTP/1.1\r\n".encode())
    [campaign] = await customer.api.fetch("SELECT * FROM campaign")
    assert campaign["content"]["body"] == "Hello"
    assert campaign["content"]["url"].rstrip("/") == SHOP  # its `link` is null where none is given
    [launch] = await customer.api.fetch("SELECT campaign, targeted FROM launch")
    assert (launch["campaign"], launch["targeted"]) == (campaign["id"], 1)
    told = await customer.api.done("getMessageDetails", message=code)
    assert told["message"]["code"] == code


async def test_a_message_with_a_link_at_a_time(customer: Customer) -> None:
    at = NOW + timedelta(days=1)
    await customer.created([{"text": "Hello"}], sendDate=f"{at:%Y-%m-%d %H:%M}", link=f"{SHOP}/new")
    [campaign] = await customer.api.fetch("SELECT * FROM campaign")
    assert (campaign["status"], campaign["content"]["url"]) == ("scheduled", f"{SHOP}/new")
    assert f"{campaign['start_at']:%Y-%m-%d %H:%M}" == f"{at:%Y-%m-%d %H:%M}"


async def test_messages_to_devices_and_to_whom_a_condition_means(customer: Customer) -> None:
    for hwid, age in ("w-1", 30), ("w-2", 12), ("w-3", 40):
        await customer.api.subscribe(hwid, tags={"Age": age})
    named = {"text": "To you", "devices": ["w-2"], "data": {"order": 7}}
    codes = await customer.created([named, {"text": "To adults", "conditions": ["Age", "GTE", 18]}])
    assert len(codes) == 2
    rows = await customer.api.fetch(
        "SELECT c.content, l.targeted FROM launch l JOIN campaign c ON c.id = l.campaign ORDER BY c.id"
    )
    assert [(row["content"]["body"], row["targeted"]) for row in rows] == [("To you", 1), ("To adults", 2)]
    assert rows[0]["content"]["data"]["order"] == 7


async def test_what_is_refused_is_told_in_the_answer(customer: Customer) -> None:
    status, answer = await customer.create([{"text": "Hello"}], token="wrong")
    assert (status, answer["status_code"]) == (200, 210)
    assert answer["status_message"] == "Invalid API Token: Account not found"
    assert await customer.api.fetch("SELECT 1 FROM campaign") == []
