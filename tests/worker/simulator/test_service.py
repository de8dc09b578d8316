import asyncio
import contextlib
import socket
import ssl
import time

import aiohttp
import pytest
import requests
from pywebpush import webpush
from yarl import URL

from tests.harness.waiting import GENEROUS, until
from worker.simulator import service as service_module
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.journal import digest
from worker.simulator.profiles import PROFILES
from worker.simulator.service import SimulatedPushService


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_correct_push_is_taken_and_decrypted(start, profile):
    sender = await start(profile)
    [subscription] = sender.service.subscribe(vapid_public_key=sender.key.public_text)
    before = time.time()
    text = "Grüße, Ada".encode()
    response = await sender.push(subscription, text, Topic="promo-42", Urgency="high")
    assert response.status == 201
    assert response.headers["location"].startswith(sender.service.origin)
    [push] = sender.service.pushes(subscription)
    assert (push.plaintext, push.digest, push.taken, push.cause) == (text, digest(text), True, "")
    assert (push.ttl, push.urgency, push.topic) == (60, "high", "promo-42")
    assert (push.content_type, push.attempt, push.status) == ("application/json", 1, 201)
    assert before - 1 <= push.at <= time.time() + 1
    assert sender.service.stats.decrypted == 1


async def test_aiohttp_can_push_to_a_wns_endpoint(start):
    sender = await start("wns")
    [subscription] = sender.service.subscribe()
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=sender.certificates.client_context())
        ) as http,
        http.post(
            URL(subscription.endpoint, encoded=True),
            data=sender.body(subscription, b"edge"),
            headers=sender.headers(Host=None),
        ) as response,
    ):
        assert response.status == 201
        assert response.headers["X-WNS-STATUS"] == "received"
    assert sender.service.pushes(subscription)[0].plaintext == b"edge"


async def test_pywebpush_is_understood(start, tmp_path):
    sender = await start("mozilla")
    [subscription] = sender.service.subscribe(vapid_public_key=sender.key.public_text)
    session = requests.Session()
    session.trust_env = False  # an authority named by the environment would take precedence
    session.verify = str(sender.certificates.write(tmp_path))
    response = await asyncio.to_thread(
        webpush,
        subscription_info=subscription.to_json(),
        data="from elsewhere",
        vapid_private_key=sender.key.signer,
        vapid_claims={"sub": "mailto:ops@example.com", "aud": sender.service.origin},
        ttl=30,
        timeout=20,
        requests_session=session,
    )
    session.close()
    assert response.status_code == 201
    assert sender.service.pushes(subscription)[0].plaintext == b"from elsewhere"


async def test_localhost_is_served_on_both_of_its_addresses(start):
    service = (await start("fcm")).service
    addresses = {listening.getsockname()[0] for listening in service._sockets}
    assert "127.0.0.1" in addresses
    assert addresses <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match="in use"):
        SimulatedPushService(port=service.port, ssl_context=None)


async def test_connections_can_be_dropped_while_it_goes_on(start):
    sender = await start("fcm")
    [subscription] = sender.service.subscribe()
    async with sender.connect() as wire:
        wire.send(sender.request(subscription))
        await wire.response()
        assert await sender.service.drop_connections() == []  # it has been answered
        assert await wire.ended()
    assert (await sender.push(subscription)).status == 201


async def test_who_goes_unanswered_as_connections_are_dropped_is_known(start):
    sender = await start("fcm")
    service = sender.service
    late, answered, refused = service.subscribe(3)
    service.script(late, [ScriptedAnswer(201, delay=60.0)])
    async with sender.connect() as slow, sender.connect() as quick:
        slow.send(sender.request(late))
        quick.send(sender.request(answered))
        await quick.response()
        await until(lambda: service.stats.taken == 2)
        slow.send(sender.request(refused))  # behind the late one: it is not read yet
        assert await service.drop_connections() == [late]
        assert await slow.ended()
    assert (service.stats.in_flight, service.stats.open_connections, service.stats.taken) == (0, 0, 2)


async def test_what_has_been_answered_as_connections_are_dropped_gets_out(start):
    sender = await start("fcm")
    [subscription] = sender.service.subscribe()
    async with sender.connect() as wire:
        await until(lambda: sender.service.stats.open_connections)
        [connection] = sender.service._connections
        connection.data_received(sender.request(subscription))
        assert await sender.service.drop_connections() == []
        assert (await wire.response()).status == 201
        assert await wire.ended()


class HalfShaken:
    """A client in the middle of its TLS handshake: the service has answered, and waits for it."""

    def __init__(self, connection: socket.socket, sender) -> None:
        self._connection = connection
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = sender.certificates.client_context().wrap_bio(
            self._in, self._out, server_hostname="localhost"
        )

    async def begin(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        await self._send()
        self._in.write(await self._receive())

    async def end(self) -> None:
        self._tls.do_handshake()
        await self._send()

    async def dropped(self) -> None:
        with contextlib.suppress(ConnectionError):
            while await self._receive():
                pass

    async def _send(self) -> None:
        await asyncio.get_running_loop().sock_sendall(self._connection, self._out.read())

    async def _receive(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._connection, 1 << 16)


@contextlib.asynccontextmanager
async def half_shaken(sender):
    with socket.create_connection(("127.0.0.1", sender.service.port)) as connection:
        connection.setblocking(False)
        made = HalfShaken(connection, sender)
        await made.begin()
        yield made


async def test_its_end_waits_for_a_handshake_under_way(start, monkeypatch):
    monkeypatch.setattr(service_module, "_CLOSE_TIMEOUT", GENEROUS)
    sender = await start("fcm")
    async with half_shaken(sender):
        closing = asyncio.create_task(sender.service.close())
        await asyncio.wait({closing}, timeout=0.1)
        assert not closing.done()
    await asyncio.wait_for(closing, GENEROUS / 2)


async def test_who_ends_a_handshake_only_then_is_dropped(start, monkeypatch):
    monkeypatch.setattr(service_module, "_CLOSE_TIMEOUT", GENEROUS)
    sender = await start("fcm")
    async with half_shaken(sender) as client:
        closing = asyncio.create_task(sender.service.close())
        await asyncio.sleep(0.01)
        await client.end()
        await asyncio.wait_for(client.dropped(), GENEROUS / 2)
        await asyncio.wait_for(closing, GENEROUS / 2)
    assert sender.service.stats.open_connections == 0
