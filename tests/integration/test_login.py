"""Logging in to Apache Kafka: every way in, what is said when there is none, and sessions that end."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.harness import requirements
from tests.harness.authorization_server import CLIENT, SECRET, AuthorizationServer
from tests.harness.certificate_files import PASSWORD as KEY_PASSWORD
from tests.harness.kafka.secured import PASSWORD, USER, SecuredKafka
from tests.harness.upstream import Outcomes, send_campaign
from tests.harness.waiting import until
from tests.harness.worker_process import ROOT, free_port, unset_environment
from tests.harness.world import World
from worker.simulator.service import SimulatedPushService

pytestmark = pytest.mark.apache_kafka

LIFETIME = 10.0
"""Seconds that a token lives, and with it the session of a connection."""

WAITS_FOR_KAFKA = "no checkpoint is being acknowledged; sending is suspended until one is"
"""Said of any broker that takes seconds to answer, as one on a busy machine does: no login is to blame."""


def fields(**values: object) -> dict[str, str]:
    return {f"PUSHMILL_KAFKA_{name}": str(value) for name, value in values.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecuredKafka]:
    """A broker that all tests here share; they may not break it."""
    requirements.require("kafka")
    async with SecuredKafka(tmp_path_factory.mktemp("kafka") / "sasl") as kafka:
        yield kafka


@pytest.fixture
def broker(secured: SecuredKafka) -> str:
    """Where the tests themselves are let in without a login."""
    return secured.open_address


@pytest.fixture
def over_tls(secured: SecuredKafka) -> dict[str, str]:
    address, ca = secured.address, secured.files.ca
    return fields(BOOTSTRAP_SERVERS=address, SECURITY_PROTOCOL="SASL_SSL", SSL_CAFILE=ca)


def by_password(mechanism: str, password: str = PASSWORD) -> dict[str, str]:
    return fields(SASL_MECHANISM=mechanism, SASL_USERNAME=USER, SASL_PASSWORD=password)


def by_client(server: AuthorizationServer) -> dict[str, str]:
    return fields(
        SASL_MECHANISM="OAUTHBEARER",
        SASL_OAUTH_TOKEN_URL=server.url,
        SASL_OAUTH_CLIENT_ID=CLIENT,
        SASL_OAUTH_CLIENT_SECRET=SECRET,
    )


def by_file(path: Path) -> dict[str, str]:
    return fields(SASL_MECHANISM="OAUTHBEARER", SASL_OAUTH_TOKEN_FILE=path)


def tokens_of(kafka: SecuredKafka, lifetime: float = LIFETIME) -> AuthorizationServer:
    return AuthorizationServer(
        lambda _: {"access_token": kafka.issuer.token(lifetime), "expires_in": lifetime}
    )


async def topics(environment: dict[str, str], *more: str) -> tuple[int, list[str]]:
    """Run `pushmill topics create`; return its status and its lines on standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.cli", "topics", "create", "--partitions", "1", *more),
        env=unset_environment() | {"PUSHMILL_TOPIC_PREFIX": f"login-{time.time_ns()}."} | environment,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode().splitlines()


async def one_line(environment: dict[str, str], status: int = 1) -> str:
    """Run a command that cannot log in; return the one line that it says."""
    found, lines = await topics(environment)
    assert (found, len(lines)) == (status, 1), lines
    secrets = (PASSWORD, SECRET, KEY_PASSWORD, "wrong password")
    assert not [secret for secret in secrets if secret in lines[0]]
    return lines[0]


def errors_in(log: Path) -> list[dict[str, Any]]:
    """What a worker has to complain of since it joined its group, but for a broker that is slow."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    joined = [line["event"] for line in lines].index("joined the group")
    return [
        line
        for line in lines[joined:]
        if line["level"] in {"warning", "error", "critical"} and line["event"] != WAITS_FOR_KAFKA
    ]


# ── every way in ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_worker_logs_in_with_a_password(
    world: World, service: SimulatedPushService, over_tls, mechanism
):
    worker = await world.start_worker(service, **over_tls, **by_password(mechanism))
    await send_campaign(world, service, 50)
    async with Outcomes(world) as outcomes:
        await outcomes.of(50)
    assert await worker.terminate() == 0
    assert PASSWORD not in worker.log.read_text()


async def test_tokens_and_sessions_end_unnoticed(
    world: World, service: SimulatedPushService, secured: SecuredKafka, over_tls
):
    """Each connection logs in again, with a new token, before the broker would cut it."""
    async with tokens_of(secured) as server:
        worker = await world.start_worker(service, **over_tls, **by_client(server))
        renewed = len(server.asked) + 3
        sent = 0
        while len(server.asked) < renewed:
            await send_campaign(world, service, 50)
            sent += 50
            await until(lambda: service.stats.taken >= sent, "they are sent")  # noqa: B023
        assert await worker.terminate() == 0
        assert (service.stats.taken, service.repeats()) == (sent, 0)
        assert errors_in(worker.log) == []
        assert SECRET not in worker.log.read_text()
        assert len({form["grant_type"] for form in server.asked}) == 1


@pytest.mark.parametrize("idempotence", ["true", "false"])
async def test_what_the_broker_cuts_is_neither_lost_nor_repeated(
    world: World, service: SimulatedPushService, secured: SecuredKafka, over_tls, idempotence
):
    """As aiokafka by itself, and as any client whose token cannot be renewed for a while."""
    never = "import worker.edges.kafka.connections as c; c.LOGIN_AFTER = 1000"
    async with tokens_of(secured) as server:
        login = by_client(server) | {"PUSHMILL_KAFKA_ENABLE_IDEMPOTENCE": idempotence}
        worker = await world.start_worker(service, changed=never, **over_tls, **login)
        renewed, sent = len(server.asked) + 2, 0
        while len(server.asked) < renewed:
            await send_campaign(world, service, 50)
            sent += 50
            await asyncio.sleep(0.1)
        await until(lambda: service.stats.taken >= sent, "everything has been sent")
        assert await worker.terminate() == 0
        assert (service.stats.taken, service.repeats()) == (sent, 0)
    assert any("closed" in line["event"] for line in errors_in(worker.log)), "nothing was cut"


async def test_a_token_file_is_read_again(
    world: World, service: SimulatedPushService, secured: SecuredKafka, over_tls, tmp_path
):
    path, logins = tmp_path / "token", 0

    async def write() -> None:
        nonlocal logins
        while True:
            fresh = tmp_path / "fresh"
            fresh.write_text(secured.issuer.token(LIFETIME))
            fresh.replace(path)
            logins += 1
            await asyncio.sleep(LIFETIME / 2)

    writing = asyncio.create_task(write())
    await until(path.exists, "there is a token")
    worker = await world.start_worker(service, **over_tls, **by_file(path))
    await until(lambda: logins > 6, "the first tokens have long ended")
    await send_campaign(world, service, 50)
    async with Outcomes(world) as outcomes:
        await outcomes.of(50)
    assert await worker.terminate() == 0
    assert errors_in(worker.log) == []
    writing.cancel()


async def test_an_authorization_server_may_be_away_for_a_while(
    world: World, service: SimulatedPushService, secured: SecuredKafka, over_tls
):
    async with tokens_of(secured, 20.0) as server:
        worker = await world.start_worker(service, **over_tls, **by_client(server))
        server.make = lambda _: {}
        asked = len(server.asked)
        await until(lambda: len(server.asked) > asked + 1, "a renewal has failed, and is tried again")
        server.make = lambda _: {"access_token": secured.issuer.token(60), "expires_in": 60}
        asked = len(server.asked)
        await until(lambda: len(server.asked) > asked, "it has been renewed after all")
        await send_campaign(world, service, 50)
        async with Outcomes(world) as outcomes:
            await outcomes.of(50)
        assert await worker.terminate() == 0
        assert (service.stats.taken, service.repeats()) == (50, 0)
    events = [line["event"] for line in errors_in(worker.log)]
    assert "cannot renew the token for Kafka; trying again" in events


async def test_a_client_certificate_with_an_encrypted_key(tmp_path):
    requirements.require("kafka")
    async with SecuredKafka(tmp_path / "kafka", protocol="SSL") as kafka:
        server = fields(BOOTSTRAP_SERVERS=kafka.address, SECURITY_PROTOCOL="SSL", SSL_CAFILE=kafka.files.ca)
        pair = fields(SSL_CERTFILE=kafka.files.certificate, SSL_KEYFILE=kafka.files.encrypted())
        assert await topics({**server, **pair, **fields(SSL_KEY_PASSWORD=KEY_PASSWORD)}) == (0, [])
        assert "TLS fails" in await one_line(server)
        status, lines = await topics({**server, **pair})
        assert (status, len(lines)) == (2, 2)
        assert "PUSHMILL_KAFKA_SSL_KEY_PASSWORD" in lines[1]
        trusted = {**server, **fields(SSL_CAFILE="", SSL_CERTFILE=kafka.files.certificate)}
        key = fields(SSL_KEYFILE=kafka.files.key)
        assert "its certificate cannot be trusted" in await one_line({**trusted, **key})


# ── no way in ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_login_that_is_refused_is_one_line(secured: SecuredKafka, over_tls, tmp_path):
    for mechanism in ("PLAIN", "SCRAM-SHA-512"):
        line = await one_line(over_tls | by_password(mechanism, "wrong password"))
        assert line.startswith(f"pushmill: cannot use Kafka at {secured.address} (it refuses the login): is ")
    line = await one_line(over_tls | by_password("SCRAM-SHA-256"))
    assert "it does not offer this SASL mechanism" in line
    for name, claims in {"audience": {"aud": "others"}, "ended": {"exp": time.time() - 60}}.items():
        path = tmp_path / name
        path.write_text(secured.issuer.token(60, **claims))
        assert {"audience": "it refuses the login", "ended": "has ended"}[name] in await one_line(
            over_tls | by_file(path)
        )


async def test_an_authorization_server_that_is_down_is_one_line(secured: SecuredKafka, over_tls):
    async with tokens_of(secured) as server:
        login = by_client(server)
        assert (await topics(over_tls | login))[0] == 0
        line = await one_line(over_tls | login | fields(SASL_OAUTH_CLIENT_SECRET="wrong password"))
        assert "PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_URL: " in line
        assert "HTTP 401, invalid_client" in line
    line = await one_line(over_tls | login)
    assert "PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_URL: " in line
    assert "it refuses connections" in line


async def test_the_wrong_protocol_is_one_line(secured: SecuredKafka, over_tls):
    login = over_tls | by_password("PLAIN")
    line = await one_line(login | fields(SECURITY_PROTOCOL="PLAINTEXT"))
    assert "PUSHMILL_KAFKA_SECURITY_PROTOCOL right?" in line
    assert "set but not used: PUSHMILL_KAFKA_SASL_MECHANISM, PUSHMILL_KAFKA_SASL_USERNAME" in line
    await one_line(login | fields(SECURITY_PROTOCOL="SSL"))
    await one_line(login | fields(SECURITY_PROTOCOL="SASL_PLAINTEXT"))
    assert "its certificate cannot be trusted" in await one_line(login | fields(SSL_CAFILE=""))
    await one_line(login | fields(BOOTSTRAP_SERVERS=secured.open_address))


# ── brokers that are away ───────────────────────────────────────────────────────────────────────────────────


async def test_one_of_three_bootstrap_brokers_is_enough(secured: SecuredKafka, over_tls):
    servers = f"127.0.0.1:{free_port()},kafka.invalid:9092,{secured.address}"
    assert await topics(over_tls | by_password("PLAIN") | fields(BOOTSTRAP_SERVERS=servers)) == (0, [])


COMMANDS = [
    ("topics", "create"),
    ("campaign", "pause", "camp"),
    ("campaign", "stats", "camp"),
    ("run",),
]


async def test_an_advertised_address_that_does_not_resolve_is_named(tmp_path):
    requirements.require("kafka")
    kafka = SecuredKafka(tmp_path / "kafka", advertised="kafka-0.invalid:9092")
    async with kafka, World(kafka.open_address, tmp_path) as world:
        environment = world.environment([], 0) | fields(
            BOOTSTRAP_SERVERS=kafka.address, SECURITY_PROTOCOL="SASL_SSL", SSL_CAFILE=kafka.files.ca
        )
        for command in COMMANDS:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "worker.cli", *command),
                env=environment | by_password("PLAIN") | {"PATH": os.environ["PATH"]},
                cwd=ROOT,
                stderr=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
            )
            _, said = await process.communicate()
            last = said.decode().splitlines()[-1]
            assert process.returncode == 1, said
            assert last.startswith(f"pushmill: cannot use Kafka at {kafka.address} (kafka-0.invalid:9092, ")
            assert "its name does not resolve" in last
            assert "Traceback" not in said.decode()
            assert command == ("run",) or said.count(b"\n") == 1, said
