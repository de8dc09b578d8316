import asyncio
import contextlib
import json
import re
import socket
import ssl
import time

import aiohttp
import pytest
import requests
from pywebpush import webpush
from yarl import URL

from crypto.vapid import generate_vapid_key
from tests.harness.waiting import GENEROUS, until
from worker.simulator import service as push_service
from worker.simulator.answers import Fault, ScriptedAnswer
from worker.simulator.connection import is_loopback
from worker.simulator.faults import Faults, FaultShare
from worker.simulator.journal import digest
from worker.simulator.profiles import PROFILES
from worker.simulator.service import SimulatedPushService

each_profile = pytest.mark.parametrize("profile", PROFILES)


@each_profile
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


@pytest.mark.parametrize(
    ("profile", "pattern"),
    [
        ("fcm", r"/fcm/send/[\w-]{11}:APA91b[\w-]{134}"),
        ("mozilla", r"/wpush/v2/gAAAAAB[\w-]{100,}"),
        ("wns", r"/w/\?token=[\w-]+%2f[\w-]+%2b[\w-]+%3d"),
        ("apple", r"/Q[\w-]{100,}"),
    ],
)
async def test_endpoints_look_like_the_real_ones(start, profile, pattern):
    service = (await start(profile)).service
    subscriptions = service.subscribe(50)
    for subscription in subscriptions:
        assert re.fullmatch(re.escape(service.origin) + pattern, subscription.endpoint)
    assert len({subscription.endpoint for subscription in subscriptions}) == 50


async def test_targets_are_compared_as_they_are(start):
    sender = await start("wns")
    [subscription] = sender.service.subscribe()
    target = subscription.endpoint.removeprefix(sender.service.origin)
    for other in (target.replace("%2f", "/"), target.replace("%2f", "%2F"), target + "&x=1"):
        assert (await sender.push(subscription, target=other)).status == 404
    assert (await sender.push(subscription)).status == 201


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
    session.trust_env = False  # an authority named by the environment would go before ours
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


STATUSES = {
    "ttl_missing": {"TTL": None},
    "ttl_bad": {"TTL": "soon"},
    "topic_bad": {"Topic": "x" * 33},
    "urgency_bad": {"Urgency": "urgent"},
    "content_encoding_bad": {"Content_Encoding": "aesgcm"},
    "vapid_missing": {"Authorization": None},
    "method_not_allowed": {"method": "PUT"},
    "body_too_large": {"body": b"x" * 4097},
}
EXPECTED = {
    "fcm": (400, 400, 400, 400, 400, 401, 405, 413),
    "mozilla": (400, 400, 400, 400, 400, 401, 405, 413),
    "wns": (400, 400, 400, 400, 400, 401, 405, 413),
    "apple": (400, 400, 400, 400, 400, 403, 405, 413),
}


@each_profile
async def test_violations_get_their_status_and_are_counted(start, profile):
    sender = await start(profile)
    [subscription] = sender.service.subscribe()
    for (word, changes), status in zip(STATUSES.items(), EXPECTED[profile], strict=True):
        assert (await sender.push(subscription, **changes)).status == status, word
        assert sender.service.stats.causes[word] == 1
    assert sender.service.stats.taken == 0
    assert [push.cause for push in sender.service.pushes(subscription)] == list(STATUSES)


@pytest.mark.parametrize(
    ("profile", "status"), [("fcm", 403), ("mozilla", 401), ("wns", 401), ("apple", 403)]
)
async def test_a_bad_vapid_token_is_refused(start, profile, status):
    sender = await start(profile)
    [subscription] = sender.service.subscribe()
    good = sender.authorization()
    wrong = {
        "malformed": "WebPush nonsense",
        "wrong_audience": sender.authorization(audience="https://push.example.com"),
        "expired": sender.authorization(expires_in=-10),
        "too_far_ahead": sender.authorization(expires_in=90_000),
        "bad_subject": sender.authorization(subject="mailto:me@localhost"),
        "bad_signature": good.replace(sender.key.public_text, generate_vapid_key().public_text),
    }
    for problem, authorization in wrong.items():
        assert (await sender.push(subscription, Authorization=authorization)).status == status, problem
        assert sender.service.stats.errors[problem] == 1
    assert sender.service.stats.causes == {"vapid_invalid": len(wrong)}


@pytest.mark.parametrize(
    ("profile", "status"), [("fcm", 403), ("mozilla", 401), ("wns", 403), ("apple", 400)]
)
async def test_the_key_must_be_the_subscriptions(start, profile, status):
    sender = await start(profile)
    [subscription] = sender.service.subscribe(vapid_public_key=generate_vapid_key().public_text)
    assert (await sender.push(subscription)).status == status
    assert sender.service.stats.causes == {"vapid_key_mismatch": 1}


async def test_unknown_and_expired_subscriptions(start):
    sender = await start("fcm")
    [subscription] = sender.service.subscribe(expires_in=-1)
    assert (await sender.push(subscription)).status == 410
    assert (await sender.push(subscription, target="/fcm/send/nobody")).status == 404
    assert sender.service.stats.statuses == {404: 1, 410: 1}


async def test_what_cannot_be_decrypted_is_taken_and_counted(start):
    sender = await start("fcm")
    first, second = sender.service.subscribe(2)
    assert (await sender.push(first, body=sender.body(second, b"not for you"))).status == 201
    assert (await sender.push(first, body=b"short")).status == 201
    assert {push.cause for push in sender.service.pushes(first)} == {"undecryptable"}
    assert sender.service.stats.undecryptable == 2
    assert sender.service.stats.errors.total() == 2


async def test_an_empty_push_has_an_empty_text(start):
    sender = await start("fcm")
    [subscription] = sender.service.subscribe()
    assert (await sender.push(subscription, body=b"", Content_Encoding=None)).status == 201
    assert sender.service.pushes(subscription)[0].plaintext == b""


async def test_requests_on_one_connection_in_one_piece_and_in_many(start):
    sender = await start("fcm")
    subscriptions = sender.service.subscribe(4)
    async with sender.connect() as wire:
        requests = [sender.request(s, b"%d" % s.number) for s in subscriptions]
        wire.send(b"".join(requests[:3]))
        for byte in range(0, len(requests[3]), 11):
            wire.send(requests[3][byte : byte + 11])
            await asyncio.sleep(0)
        assert [(await wire.response()).status for _ in requests] == [201] * 4
    texts = [push.plaintext for push in sender.service.all_pushes()]
    assert texts == [b"0", b"1", b"2", b"3"]
    assert sender.service.stats.connections == 1


async def test_answers_keep_the_order_of_requests_whatever_their_delay(start):
    sender = await start("fcm")
    slow, quick = sender.service.subscribe(2)
    sender.service.script(slow, [ScriptedAnswer(429, retry_after=2, delay=0.05)])
    async with sender.connect() as wire:
        wire.send(sender.request(slow) + sender.request(quick) * 100)
        assert (await wire.response()).status == 429
        assert [(await wire.response()).status for _ in range(100)] == [201] * 100
    assert sender.service.stats.in_flight == 0


async def test_the_service_closes_when_asked_to(start):
    sender = await start("fcm")
    [subscription] = sender.service.subscribe()
    async with sender.connect() as wire:
        wire.send(sender.request(subscription, Connection="close"))
        assert (await wire.response()).headers["connection"] == "close"
        assert await wire.ended()


@pytest.mark.parametrize("data", [b"no http at all\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"])
async def test_what_is_no_request_gets_400(start, data):
    sender = await start("fcm")
    async with sender.connect() as wire:
        wire.send(data)
        assert (await wire.response()).status == 400
        assert await wire.ended()


async def test_an_upgrade_is_answered_and_not_followed(start):
    sender = await start("fcm")
    async with sender.connect() as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert (await wire.response()).status == 404
        assert await wire.ended()


async def test_a_continue_is_given_before_the_body(start):
    sender = await start("fcm")
    [subscription] = sender.service.subscribe()
    request = sender.request(subscription, Expect="100-continue")
    head, _, body = request.partition(b"\r\n\r\n")
    async with sender.connect() as wire:
        wire.send(head + b"\r\n\r\n")
        assert (await wire.response()).status == 100
        wire.send(body)
        assert (await wire.response()).status == 201


async def test_a_script_goes_before_the_faults(start):
    sender = await start("mozilla", faults=Faults(shares=(FaultShare(Fault.ERROR, 1.0),)))
    [subscription] = sender.service.subscribe()
    sender.service.script(
        subscription.endpoint, [ScriptedAnswer(503), ScriptedAnswer(429, retry_after=2), ScriptedAnswer(201)]
    )
    responses = [await sender.push(subscription) for _ in range(4)]
    assert [response.status for response in responses] == [503, 429, 201, 500]
    assert [response.headers.get("retry-after") for response in responses] == ["120", "2", None, None]
    assert json.loads(responses[0].body)["errno"] == 201
    pushes = sender.service.pushes(subscription.token)
    assert [(push.attempt, push.status, push.taken) for push in pushes] == [
        (1, 503, False),
        (2, 429, False),
        (3, 201, True),
        (4, 500, False),
    ]


async def test_sticky_faults_meet_who_the_plan_says(start):
    faults = Faults(seed=3, shares=(FaultShare(Fault.GONE, 0.3, sticky=True),))
    sender = await start("fcm", faults=faults)
    async with sender.connect() as wire:
        for subscription in sender.service.subscribe(30):
            for _ in range(2):
                wire.send(sender.request(subscription))
                planned = faults.answer(subscription.token, 1).status
                assert (await wire.response()).status == planned
    assert 0 < sender.service.stats.statuses[410] < 60


async def test_the_hook_sees_each_push_taken(start):
    seen = []
    sender = await start("fcm", on_push=lambda *push: seen.append(push))
    [subscription] = sender.service.subscribe()
    await sender.push(subscription, b"one")
    await sender.push(subscription, TTL=None)
    [(token, plaintext, headers, at)] = seen
    assert (token, plaintext, headers[b"ttl"]) == (subscription.token, b"one", b"60")
    assert at <= time.time()


@pytest.mark.parametrize(
    ("keep", "rows", "texts"), [("all", 3, [b"hello"] * 3), ("digest", 3, [None] * 3), ("none", 0, [])]
)
async def test_what_is_kept(start, keep, rows, texts):
    sender = await start("fcm", keep=keep)
    [subscription] = sender.service.subscribe()
    for _ in range(3):
        await sender.push(subscription)
    pushes = sender.service.pushes(subscription)
    assert [push.plaintext for push in pushes] == texts
    assert [push.digest for push in pushes] == [digest(b"hello")] * rows
    assert sender.service.stats.taken == 3


async def test_the_journal_is_bounded_and_decryption_can_be_sampled(start):
    sender = await start("fcm", keep_limit=3, decrypt_every=2)
    [subscription] = sender.service.subscribe()
    for _ in range(4):
        await sender.push(subscription)
    assert [push.plaintext for push in sender.service.pushes(subscription)] == [b"hello", None, b"hello"]
    assert (sender.service.stats.taken, sender.service.stats.decrypted) == (4, 2)


async def test_repeats_are_counted(start):
    sender = await start("fcm", keep="digest")
    first, second = sender.service.subscribe(2)
    for subscription, text in ((first, b"a"), (first, b"b"), (second, b"a"), (first, b"a"), (first, b"a")):
        await sender.push(subscription, text)
    await sender.push(first, b"b", TTL=None)
    assert sender.service.repeats() == 2
    assert json.loads((await sender.ask("GET", "/repeats")).body) == {"repeats": 2}


async def test_a_failing_hook_is_no_fault_of_the_client(start):
    def hook(*_push):
        raise LookupError("no such recipient")

    sender = await start("fcm", on_push=hook)
    [subscription] = sender.service.subscribe()
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await sender.push(subscription)
    assert isinstance(reported[0]["exception"].__context__, LookupError)


async def test_subscriptions_share_keys_but_not_tokens(start):
    service = (await start("fcm", key_pairs=2)).service
    subscriptions = service.subscribe(6)
    assert len({subscription.receiver.public for subscription in subscriptions}) == 2
    assert len({subscription.token for subscription in subscriptions}) == 6


async def test_tokens_follow_from_the_seed(start):
    services = [(await start("fcm", seed=seed)).service for seed in (1, 1, 2, None)]
    tokens = [service.subscribe()[0].token for service in services]
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3


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
        slow.send(sender.request(refused))  # behind the late one: it has not come yet
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
    """A client in the middle of its TLS handshake: the service has answered it, and waits for it."""

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
    monkeypatch.setattr(push_service, "_CLOSE_TIMEOUT", GENEROUS)
    sender = await start("fcm")
    async with half_shaken(sender):
        closing = asyncio.create_task(sender.service.close())
        await asyncio.wait({closing}, timeout=0.1)
        assert not closing.done()
    await asyncio.wait_for(closing, GENEROUS / 2)


async def test_who_ends_a_handshake_only_then_is_dropped(start, monkeypatch):
    monkeypatch.setattr(push_service, "_CLOSE_TIMEOUT", GENEROUS)
    sender = await start("fcm")
    async with half_shaken(sender) as client:
        closing = asyncio.create_task(sender.service.close())
        await asyncio.sleep(0.01)
        await client.end()
        await asyncio.wait_for(client.dropped(), GENEROUS / 2)
        await asyncio.wait_for(closing, GENEROUS / 2)
    assert sender.service.stats.open_connections == 0


@pytest.mark.parametrize(
    ("peer", "local"),
    [(("127.0.0.1", 1), True), (("::1", 1, 0, 0), True), (("10.0.0.1", 1), False), (None, False)],
)
def test_who_is_on_loopback(peer, local):
    assert is_loopback(peer) is local
