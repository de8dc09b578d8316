"""Connections that log in again, over a wire that answers as Apache Kafka has been seen to."""

import asyncio
import socket
from types import SimpleNamespace

import aiokafka.client
import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed
from aiokafka.protocol.admin import SaslAuthenticateRequest, SaslHandShakeRequest
from aiokafka.protocol.fetch import FetchRequest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.harness.waiting import GENEROUS, until
from worker.edges.kafka import connections
from worker.edges.kafka.connections import SOONEST_SECONDS, Connection, connect, install
from worker.edges.kafka.tokens import RETRY_SECONDS, SharedToken, Token, TokenError


class Wire:
    """Notes what a connection writes, in order, and answers; a login is a handshake and a message."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.lifetime_ms = 100_000
        self.refusal = b""
        self.answering = asyncio.Event()
        self.answering.set()
        self.failure: Exception | None = None
        self.closed: list[Exception | None] = []
        self.now = 1000.0

    def lay(self, patch):
        """Put it under every connection."""

        async def log_in(connection):
            await self.log_in(connection)

        patch.setattr(AIOKafkaConnection, "send", lambda _, *given: self.send(*given))
        patch.setattr(AIOKafkaConnection, "_do_sasl_handshake", log_in)
        patch.setattr(AIOKafkaConnection, "close", lambda _, reason=None, exc=None: self.closed.append(exc))
        patch.setattr(connections.clock, "monotonic", lambda: self.now)

    def send(self, request, expect_response=True):
        kinds = {SaslHandShakeRequest: "handshake", SaslAuthenticateRequest: "login"}
        self.written.append(kinds.get(type(request), request))
        return self.answer()

    async def answer(self):
        await self.answering.wait()
        return SimpleNamespace(
            error_code=0, sasl_auth_bytes=self.refusal, session_lifetime_ms=self.lifetime_ms
        )

    async def log_in(self, connection):
        if self.failure:
            raise self.failure
        await connection.send(SaslHandShakeRequest("OAUTHBEARER"))
        await connection.send(SaslAuthenticateRequest(b"message"))


@pytest.fixture
async def wire(monkeypatch):
    wire = Wire()
    wire.lay(monkeypatch)
    return wire


async def fetch():
    return Token("token", 1e6)


@pytest.fixture
async def connection(wire):
    made = Connection(
        "kafka", 9092, sasl_mechanism="OAUTHBEARER", sasl_oauth_token_provider=SharedToken(fetch)
    )
    await made._do_sasl_handshake()
    wire.written.clear()
    return made


async def test_while_the_session_is_young_requests_go_straight_out(wire, connection):
    wire.now += 84
    await asyncio.gather(connection.send("a"), connection.send("b"))
    assert wire.written == ["a", "b"]


async def test_late_in_the_session_a_login_goes_before_the_next_request(wire, connection):
    for _ in range(3):
        wire.now += 86
        await asyncio.gather(*(connection.send(name) for name in "abc"))
        await connection.send("d")
        assert wire.written == ["handshake", "login", *"abcd"]
        wire.written.clear()


async def test_nothing_is_written_between_handshake_and_login(wire, connection):
    wire.now += 86
    wire.answering.clear()
    sending = [asyncio.create_task(connection.send(name)) for name in "ab"]
    await until(lambda: wire.written == ["handshake"])
    sending += [asyncio.create_task(connection.send(name)) for name in "cd"]
    await asyncio.sleep(0)
    assert wire.written == ["handshake"]
    wire.answering.set()
    await asyncio.gather(*sending)
    assert wire.written[:2] == ["handshake", "login"]
    assert sorted(wire.written[2:]) == [*"abcd"]


async def test_a_request_that_is_given_up_does_not_break_the_login_off(wire, connection):
    wire.now += 86
    wire.answering.clear()
    hasty = asyncio.create_task(connection.send("hasty"))
    await until(lambda: wire.written == ["handshake"])
    hasty.cancel()
    patient = asyncio.create_task(connection.send("patient"))
    wire.answering.set()
    await patient
    assert wire.written == ["handshake", "login", "patient"]
    assert wire.closed == []


async def test_without_a_token_the_session_is_used_on(wire, connection):
    async def none():
        raise TokenError("the server is away")

    connection._sasl_oauth_token_provider = SharedToken(none)
    wire.now += 86
    await connection.send("a")
    await connection.send("b")
    assert wire.written == ["a", "b"]
    connection._sasl_oauth_token_provider = SharedToken(fetch)
    wire.now += RETRY_SECONDS
    await connection.send("c")
    assert wire.written == ["a", "b", "handshake", "login", "c"]


async def test_a_login_that_fails_ends_the_connection(wire, connection):
    wire.failure = KafkaConnectionError("closed")
    wire.now += 86
    with capture_logs() as lines:
        await connection.send("a")  # which aiokafka itself refuses on a closed connection
    assert wire.closed == [wire.failure]
    assert [line["event"] for line in lines] == ["cannot log in to Kafka again; connecting anew"]


async def test_a_refused_token_is_a_refused_login_and_is_fetched_anew(wire, connection):
    wire.refusal = b'{"status":"invalid_token"}'
    noted = []
    connection._sasl_oauth_token_provider.refused = lambda: noted.append(1)
    with pytest.raises(SaslAuthenticationFailed):
        await connection._do_sasl_handshake()
    assert noted == [1]


async def test_with_a_password_an_answer_s_text_is_no_refusal(wire):
    made = Connection("kafka", 9092, sasl_mechanism="SCRAM-SHA-512")
    wire.refusal = b"v=signature"
    await made._do_sasl_handshake()
    wire.now += 86
    wire.written.clear()
    await made.send("a")
    assert wire.written == ["handshake", "login", "a"]


@pytest.mark.parametrize("lifetime", [0, -1])
async def test_a_session_without_end_needs_no_login(wire, connection, lifetime):
    wire.lifetime_ms = lifetime
    made = Connection("kafka", 9092, sasl_mechanism="PLAIN")
    await made._do_sasl_handshake()
    wire.now += 1e9
    wire.written.clear()
    await made.send("a")
    assert wire.written == ["a"]


@given(st.lists(st.tuples(st.floats(0, 200), st.integers(0, 4)), max_size=12), st.integers(3000, 100_000))
def test_over_any_course_no_session_is_used_beyond_its_end_and_no_login_comes_too_soon(steps, lifetime_ms):
    """Apache Kafka cuts the first, and refuses the second."""

    async def run():
        with pytest.MonkeyPatch.context() as patch:
            wire = Wire()
            wire.lifetime_ms = lifetime_ms
            wire.lay(patch)
            made = Connection("kafka", 9092, sasl_mechanism="PLAIN")
            await made._do_sasl_handshake()
            logins = [wire.now]
            for seconds, requests in steps:
                wire.now += seconds
                wire.written.clear()
                await asyncio.gather(*(made.send("x") for _ in range(requests)))
                assert wire.written.count("x") == requests
                assert wire.written.count("login") <= 1
                if "login" in wire.written:
                    assert wire.written[:2] == ["handshake", "login"]
                    assert wire.now - logins[-1] >= SOONEST_SECONDS
                    logins.append(wire.now)
                assert not requests or wire.now < logins[-1] + lifetime_ms / 1000

    asyncio.run(run())


# ── fetches ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def held(wire, monkeypatch):
    """For how long fetches were held back, which takes no time here; the wire answers them with `records`."""
    found = []

    async def sleep(seconds):
        found.append(seconds)
        wire.now += seconds

    async def answer():
        wire.now += wire.delay
        return SimpleNamespace(topics=[("push.jobs", [(0, 0, 7, wire.records)])])

    monkeypatch.setattr(connections.asyncio, "sleep", sleep)
    monkeypatch.setattr(wire, "answer", answer)
    wire.delay, wire.records = 0.001, b""
    return found


async def fetch_for(seconds, wire, connection):
    """Fetch again and again, as an idle consumer does; return how often."""
    fetches, end = 0, wire.now + seconds
    while wire.now < end:
        await connection.send(FetchRequest(100, 1, 1, 1, []))
        fetches += 1
    return fetches


async def test_a_broker_that_answers_at_once_is_asked_some_20_times_a_second(wire, connection, held):
    assert await fetch_for(10, wire, connection) < 210
    assert max(held) <= 0.05


async def test_a_broker_that_waits_itself_is_asked_again_at_once(wire, connection, held):
    wire.delay = 0.1
    assert await fetch_for(10, wire, connection) >= 100
    assert not held


async def test_records_go_straight_through(wire, connection, held):
    await fetch_for(1, wire, connection)
    held.clear()
    wire.records = b"batch"
    await connection.send(FetchRequest(100, 1, 1, 1, []))
    assert not held


async def test_no_other_request_waits_for_a_fetch_that_is_held_back(wire, connection, monkeypatch, held):
    holding = asyncio.Event()

    async def sleep(_):
        holding.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(connections.asyncio, "sleep", sleep)
    fetching = asyncio.create_task(connection.send(FetchRequest(100, 1, 1, 1, [])))
    async with asyncio.timeout(GENEROUS):
        await holding.wait()
    await connection.send("metadata")
    assert wire.written[-1] == "metadata"
    assert not fetching.done()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching


# ── failures ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def failures(monkeypatch):
    found = {}
    monkeypatch.setattr(connections, "failures", found)
    return found


def failing(monkeypatch, error):
    async def connect(_):
        if error:
            raise error

    monkeypatch.setattr(AIOKafkaConnection, "connect", connect)


@pytest.mark.parametrize("error", [OSError(111, "no"), TimeoutError(), KafkaConnectionError("no")])
async def test_a_failure_is_kept_until_the_address_is_reached(monkeypatch, failures, error):
    failing(monkeypatch, error)
    with pytest.raises(type(error)):
        await connect("::1", 9092)
    assert failures == {"[::1]:9092": error}
    failing(monkeypatch, None)
    await connect("::1", 9092)
    assert failures == {}


@pytest.mark.parametrize("error", [UnicodeError("label too long"), ValueError("signature"), KeyError("r")])
async def test_what_aiokafka_does_not_expect_becomes_an_error_that_it_does(monkeypatch, failures, error):
    failing(monkeypatch, error)
    with pytest.raises(KafkaConnectionError):
        await connect("kafka", 9092)
    assert failures == {"kafka:9092": error}


async def test_failures_take_no_more_than_so_much_memory(monkeypatch, failures):
    failing(monkeypatch, OSError(111, "no"))
    for port in range(1, 1000):
        with pytest.raises(OSError, match="no"):
            await connect("kafka", port)
    assert 0 < len(failures) <= 100


async def test_every_client_connects_this_way(failures):
    install()
    assert aiokafka.client.create_conn is connect
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = aiokafka.client.AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{port}")
    with pytest.raises(KafkaConnectionError):
        await client.bootstrap()
    assert isinstance(failures[f"127.0.0.1:{port}"], ConnectionRefusedError)
