import asyncio
import base64
import json
import ssl
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from aiohttp import web

from tests.harness.authorization_server import CLIENT, SECRET, AuthorizationServer
from tests.harness.waiting import until
from tests.worker.test_bearer_token import jwt
from worker.config import load_kafka_settings
from worker.edges.kafka import token_sources
from worker.edges.kafka.login import login
from worker.edges.kafka.token_sources import AwsCredentials, ClientCredentials, TokenFile
from worker.edges.kafka.tokens import SharedToken, TokenError

TOKEN = "abc.def.ghi"


def oauth(**values: str):
    given = {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_MECHANISM": "OAUTHBEARER"} | values
    return load_kafka_settings({f"PUSHMILL_KAFKA_{name}": value for name, value in given.items()})


def client(url: str, **values: str) -> ClientCredentials:
    credentials = {"SASL_OAUTH_CLIENT_ID": CLIENT, "SASL_OAUTH_CLIENT_SECRET": SECRET}
    return ClientCredentials(oauth(SASL_OAUTH_TOKEN_URL=url, **credentials, **values))


def tokens(**fields):
    return lambda _: {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 600} | fields


# ── client credentials ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("header", "body"), [(True, False), (False, True), (True, True)])
async def test_a_token_is_fetched_however_the_server_takes_the_credentials(header, body):
    async with AuthorizationServer(tokens(), header=header, body=body) as server:
        source = client(server.url, SASL_OAUTH_SCOPE="kafka push")
        token = await source.fetch()
        assert (token.value, token.lifetime) == (TOKEN, 600)
        first = len(server.asked)
        await source.fetch()
        assert len(server.asked) == first + 1, "what the server takes is remembered"
        assert all(form["scope"] == "kafka push" for form in server.asked)
        assert "scope" not in (await client(server.url).fetch(), server.asked[-1])[1]


@pytest.mark.parametrize(
    ("fields", "lifetime"),
    [
        ({"expires_in": "600"}, 600),
        ({"expires_in": 1e9}, token_sources.LONGEST_LIFETIME),
        ({"expires_in": None}, token_sources.UNKNOWN_LIFETIME),
    ],
)
async def test_the_life_of_a_token_is_read(fields, lifetime):
    async with AuthorizationServer(tokens(**fields)) as server:
        assert (await client(server.url).fetch()).lifetime == lifetime


async def test_the_life_of_a_jwt_is_read_where_the_answer_does_not_say():
    token = jwt({"exp": time.time() + 1000})
    async with AuthorizationServer(tokens(expires_in=None, access_token=token)) as server:
        assert 900 < (await client(server.url).fetch()).lifetime <= 1000


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"expires_in": 0}, "has ended"),
        ({"expires_in": -5}, "has ended"),
        ({"expires_in": "nan"}, "has ended"),
        ({"expires_in": "soon"}, "`expires_in` that is not a number"),
        ({"expires_in": None, "access_token": jwt({"exp": 5})}, "has ended"),
        ({"access_token": ""}, "gives a token that is empty"),
        ({"access_token": "a\x01b"}, "gives a token that has characters"),
        ({"access_token": None}, "gives no token (HTTP 200)"),
        ({"access_token": 7}, "gives no token (HTTP 200)"),
    ],
)
async def test_an_answer_without_a_usable_token_is_refused(fields, problem):
    async with AuthorizationServer(tokens(**fields)) as server:
        text = await failure(client(server.url))
    assert problem in text


async def failure(source) -> str:
    """The one line that a failed fetch gives, which never has a secret or the URL's path."""
    with pytest.raises(TokenError) as caught:
        await source.fetch()
    text = str(caught.value)
    assert not [secret for secret in (SECRET, "tenant-7", TOKEN, "\n") if secret in text]
    assert caught.value.__cause__ is None
    return text


async def test_a_refused_client_is_told_with_the_setting():
    async with AuthorizationServer(tokens(), header=False) as server:
        text = await failure(client(server.url))
        assert text == (
            f"TokenError: PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_URL: {server.url.removesuffix('/tenant-7/token')} "
            "gives no token (HTTP 401, invalid_client); check client, secret and scope"
        )


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (500, b"<html>" + SECRET.encode(), "(HTTP 500)"),
        (200, b"<html>", "(HTTP 200)"),
        (200, b"", "(HTTP 200)"),
        (200, b"[" * 100_000, "(HTTP 200)"),
        (200, b" " * 1_000_000, "(HTTP 200)"),
        (400, json.dumps({"error": "invalid_scope"}).encode(), "(HTTP 400, invalid_scope)"),
        (400, json.dumps({"error": SECRET}).encode(), "(HTTP 400)"),
        (302, b"", "(HTTP 302)"),
    ],
)
async def test_any_other_answer_is_told_without_its_text(status, body, problem):
    async with AuthorizationServer(tokens()) as server:
        headers = {"Location": "https://elsewhere.example/"}
        server.answer = lambda: web.Response(status=status, body=body, headers=headers)
        assert problem in await failure(client(server.url))


async def test_a_server_that_is_down_or_silent_is_told(monkeypatch):
    async with AuthorizationServer(tokens()) as server:
        source = client(server.url)
        monkeypatch.setattr(token_sources, "FETCH_SECONDS", 0.1)
        server.open.clear()
        assert "cannot be asked: it does not answer in time" in await failure(source)
    assert "cannot be asked: it refuses connections" in await failure(source)
    monkeypatch.setattr(token_sources, "FETCH_SECONDS", 30)
    assert "its name does not resolve" in await failure(client("https://login.invalid/tenant-7/token"))


async def test_a_certificate_is_checked_against_the_system_s_authorities_and_kafka_s(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with AuthorizationServer(tokens(), tls=tls) as server:
        assert "its certificate cannot be trusted" in await failure(client(server.url))
        source = client(server.url, SSL_CAFILE=str(tmp_path / "ca.pem"))
        assert (await source.fetch()).value == TOKEN


# ── a file ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_is_read_for_each_login(tmp_path):
    path = tmp_path / "token"
    source = TokenFile(path)
    for content in ("one\n", "two"):
        path.write_text(content)
        assert await source.token() == content.strip()
    path.unlink()
    with pytest.raises(TokenError, match=r"PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_FILE: .*cannot be read"):
        await source.token()
    path.write_text(jwt({"exp": time.time() - 5}))
    with pytest.raises(TokenError, match=r"the token in .* has ended"):
        await source.token()


# ── AWS ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def aws(monkeypatch, tmp_path):
    """An environment with credentials, and nothing else that botocore would find."""
    for name in (
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return monkeypatch


async def test_a_token_for_aws_is_a_signed_request_to_connect(aws):
    token = await AwsCredentials("eu-central-1").fetch()
    assert 840 < token.lifetime <= 900
    url = urlsplit(base64.urlsafe_b64decode(token.value + "=" * (-len(token.value) % 4)).decode())
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc) == ("https", "kafka.eu-central-1.amazonaws.com")
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("AKIDEXAMPLE/")
    assert query["X-Amz-Credential"][0].endswith("/eu-central-1/kafka-cluster/aws4_request")
    assert query["X-Amz-Signature"]
    assert SECRET not in url.query


async def test_without_credentials_it_is_told(aws):
    aws.delenv("AWS_ACCESS_KEY_ID")
    text = await failure(AwsCredentials("eu-central-1"))
    assert "AWS credentials cannot be used" in text
    assert "AWS_ACCESS_KEY_ID" in text


async def test_looking_for_credentials_holds_nothing_up(monkeypatch):
    looking = threading.Event()

    def sign(region):
        looking.wait(60)
        raise AssertionError(SECRET)

    monkeypatch.setattr(token_sources, "_sign", sign)
    fetching = asyncio.create_task(failure(AwsCredentials("eu-central-1")))
    for _ in range(10):
        await asyncio.sleep(0)  # which returns at once, unless the loop is held up
    assert not fetching.done()
    looking.set()
    assert "AssertionError" in await fetching


async def test_a_search_without_end_is_given_up(monkeypatch):
    looking = threading.Event()
    monkeypatch.setattr(token_sources, "_sign", lambda region: looking.wait(60))
    monkeypatch.setattr(token_sources, "FETCH_SECONDS", 0.05)
    assert "were not found within" in await failure(AwsCredentials("eu-central-1"))
    looking.set()


# ── what clients get ────────────────────────────────────────────────────────────────────────────────────────


def test_aws_logs_in_as_oauthbearer(monkeypatch):
    settings = load_kafka_settings(
        {
            "PUSHMILL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "PUSHMILL_KAFKA_SASL_MECHANISM": "AWS_MSK_IAM",
            "AWS_REGION": "eu-central-1",
        }
    )
    options = login(settings)
    assert options["sasl_mechanism"] == "OAUTHBEARER"
    assert isinstance(options["sasl_oauth_token_provider"], SharedToken)
    assert login(settings)["sasl_oauth_token_provider"] is options["sasl_oauth_token_provider"]


async def test_clients_of_the_same_settings_share_their_tokens():
    async with AuthorizationServer(tokens()) as server:
        given = {
            "SASL_OAUTH_TOKEN_URL": server.url,
            "SASL_OAUTH_CLIENT_ID": CLIENT,
            "SASL_OAUTH_CLIENT_SECRET": SECRET,
        }
        for _ in range(3):
            assert await login(oauth(**given))["sasl_oauth_token_provider"].token() == TOKEN
        await until(lambda: len(server.asked) == 1)
