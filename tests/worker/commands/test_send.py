import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from crypto.vapid import generate_vapid_key
from tests.harness.connect_proxy import ConnectProxy
from worker.commands.send import send
from worker.commands.send_reasons import why_not_sent
from worker.edges.http.transports import TRANSPORTS, AiohttpTransport, HttptoolsTransport
from worker.push.answers import PushResponse
from worker.push.verdict import Settled
from worker.records.outcome import Status
from worker.records.recipient import Subscription
from worker.simulator.answers import Fault, ScriptedAnswer
from worker.simulator.certificates import Certificates
from worker.simulator.service import SimulatedPushService

app = typer.Typer()
app.command("send")(send)
PROGRAM = "import typer; from worker.commands.send import send; typer.run(send)"
SHOWN = ("--title", "Hi", "--url", "https://shop.example/")


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


class Desk:
    """A folder with a key and a subscription, and the push service of that subscription."""

    def __init__(self, folder, certificates, service):
        self.folder, self.service = folder, service
        self.key = generate_vapid_key()
        (folder / "vapid").mkdir()
        (folder / "vapid/default.pem").write_bytes(self.key.to_pem())
        [self.subscription] = service.subscribe(vapid_public_key=self.key.public_text)
        self.file = self.write(self.subscription.to_json())
        self.env = {
            "PUSHMILL_VAPID_DIR": str(folder / "vapid"),
            "PUSHMILL_VAPID_SUBJECT": "mailto:ops@example.com",
            "PUSHMILL_ENDPOINT_HOSTS": service.origin.removeprefix("https://"),
            "PUSHMILL_ALLOW_PRIVATE_ENDPOINTS": "true",
            "PUSHMILL_CA_FILE": str(certificates.write(folder)),
        }

    def write(self, value, name="subscription.json"):
        (self.folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
        return str(self.folder / name)

    async def send(self, *args, stdin=None, **env):
        """Run the command in a thread, with `env` on top of the right variables (None removes one)."""
        env = self.env | {f"PUSHMILL_{name}": value for name, value in env.items()}
        args = [str(arg) for arg in args or (self.file, *SHOWN)]
        return await asyncio.to_thread(CliRunner().invoke, app, args, input=stdin, env=env)

    def pushes(self):
        return self.service.pushes(self.subscription)


@pytest.fixture
async def desk(tmp_path, certificates, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("PUSHMILL_"):
            monkeypatch.delenv(name)
    async with SimulatedPushService("fcm", ssl_context=certificates.server_context()) as service:
        yield Desk(tmp_path, certificates, service)


def refused(result, status=2):
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("pushmill: ")
    return line


def said(result):
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    """Return the columns of the line: status, HTTP status, push service, detail, milliseconds."""
    [line] = result.stdout.splitlines()
    status, http_status, service, detail, time = line.split(" ", 4)
    assert time == "-" or (time.endswith(" ms") and time[:-3].isdecimal())
    return result.exit_code, status, http_status, service, detail


async def test_a_notification_arrives(desk):
    more = ("--body", "B", "--icon", "https://shop.example/i.png", "--tag", "t", "--ttl", "60")
    result = await desk.send(desk.file, *SHOWN, *more, "--urgency", "high", "--topic", "promo")
    assert said(result) == (0, "sent", "201", "other", "-")
    [push] = desk.pushes()
    assert (push.ttl, push.urgency, push.topic) == (60, "high", "promo")
    assert push.content_type == "application/json"
    shown = json.loads(push.plaintext)
    assert shown["web_push"] == 8030
    assert shown["notification"] | {"data": {}} == {
        "title": "Hi",
        "navigate": "https://shop.example/",
        "body": "B",
        "icon": "https://shop.example/i.png",
        "tag": "t",
        "data": {},
    }


@pytest.mark.parametrize("transport", ["httptools", "aiohttp"])
async def test_the_transport_is_the_configured_one(desk, monkeypatch, transport):
    made = []
    monkeypatch.setitem(TRANSPORTS, transport, lambda **how: made.append(kinds[transport](**how)) or made[0])
    kinds = {"httptools": HttptoolsTransport, "aiohttp": AiohttpTransport}
    assert said(await desk.send(TRANSPORT=transport))[:2] == (0, "sent")
    assert len(made) == 1


async def test_a_proxy_is_gone_through(desk):
    async with ConnectProxy(login="mill:hunter2") as proxy:
        url = f"http://mill:hunter2@127.0.0.1:{proxy.port}"
        assert said(await desk.send(TRANSPORT="aiohttp", PROXY_URL=url))[:2] == (0, "sent")
    assert proxy.tunnels == 1


async def test_a_proxy_that_refuses_is_told_beside_the_one_line(desk):
    async with ConnectProxy(login="mill:hunter2") as proxy:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", PROGRAM, desk.file, *SHOWN],
            env=desk.env | {"PUSHMILL_TRANSPORT": "aiohttp", "PUSHMILL_PROXY_URL": proxy.url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.startswith("failed - other connect ")
    assert done.stderr == "the proxy refuses to connect to a push service: it answers 407\n"
    assert desk.pushes() == []


async def test_a_proxy_without_its_transport_is_refused(desk):
    line = refused(await desk.send(PROXY_URL="http://mill:hunter2@proxy:3128"))
    assert "PUSHMILL_TRANSPORT=aiohttp" in line
    assert "hunter2" not in line


async def test_a_transport_that_is_none_is_refused(desk):
    assert "PUSHMILL_TRANSPORT" in refused(await desk.send(TRANSPORT="pigeon"))


@pytest.mark.parametrize("text", ["any {{thing}}", "ключ", ""])
async def test_a_payload_arrives_as_it_is(desk, text):
    assert said(await desk.send(desk.file, "--payload", text))[:2] == (0, "sent")
    [push] = desk.pushes()
    assert push.plaintext == text.encode()


async def test_what_is_harmless_costs_no_push(desk):
    value = desk.subscription.to_json() | {"expirationTime": None}
    value["keys"] = {
        name: base64.encodebytes(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))).decode()
        for name, key in value["keys"].items()
    }
    file = desk.write("\ufeff" + json.dumps(value))
    not_utf_8 = os.fsdecode(b"Zo\xeb")
    texts = ("--body", not_utf_8, "--icon", "/i.png", "--image", "http://a.example/", "--badge", "")
    assert said(await desk.send(file, *SHOWN, *texts))[:3] == (0, "sent", "201")
    [push] = desk.pushes()
    shown = json.loads(push.plaintext)["notification"]
    assert (shown["body"], shown["icon"]) == ("Zo\N{REPLACEMENT CHARACTER}", "/i.png")
    assert not {"image", "badge"} & shown.keys()


async def test_a_subscription_from_standard_input(desk):
    text = json.dumps(desk.subscription.to_json())
    assert said(await desk.send("-", *SHOWN, stdin=text))[:2] == (0, "sent")


@pytest.mark.parametrize("key", ["other", "vapid/other.pem"])
async def test_the_key_is_a_name_or_a_file(desk, key):
    (desk.folder / "vapid/default.pem").rename(desk.folder / "vapid/other.pem")
    assert said(await desk.send(desk.file, *SHOWN, "--key", key))[:2] == (0, "sent")


async def test_the_folder_beside_is_the_default(desk):
    assert said(await desk.send(VAPID_DIR=None))[:2] == (0, "sent")


async def test_the_subject_of_the_command_line_goes_first(desk):
    result = await desk.send(desk.file, *SHOWN, "--subject", "https://example.com", VAPID_SUBJECT="nonsense")
    assert said(result)[:2] == (0, "sent")


async def test_kafka_is_not_needed_and_other_settings_are_not_looked_at(desk):
    result = await desk.send(KAFKA_SECURITY_PROTOCOL="nonsense", PROCESSES="none", DRAIN_TIMEOUT="1")
    assert said(result)[:2] == (0, "sent")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ScriptedAnswer(410), ("expired", "410", "other", "gone")),
        (ScriptedAnswer(403), ("unauthorized", "403", "other", "forbidden")),
        (ScriptedAnswer(429), ("failed", "429", "other", "throttled")),
        (ScriptedAnswer(302), ("rejected", "302", "other", "redirected")),
        (ScriptedAnswer(201, fault=Fault.RESET_LATE), ("failed", "-", "other", "reset")),
        (ScriptedAnswer(201, fault=Fault.GARBAGE), ("failed", "-", "other", "bad_answer")),
        (ScriptedAnswer(201, fault=Fault.HANG), ("failed", "-", "other", "timeout")),
    ],
)
async def test_what_a_push_service_says_is_told_and_nothing_is_tried_again(desk, answer, expected):
    desk.service.script(desk.subscription, [answer])
    seconds = "1" if answer.fault is Fault.HANG else "20"
    assert said(await desk.send(REQUEST_TIMEOUT=seconds)) == (1, *expected)
    assert len(desk.pushes()) == 1


async def test_nobody_listens(desk):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{held.getsockname()[1]}"
        file = desk.write(desk.subscription.to_json() | {"endpoint": f"https://{host}/x"})
        result = await desk.send(file, *SHOWN, ENDPOINT_HOSTS=host)
    assert said(result) == (1, "failed", "-", "other", "connect")


async def test_an_authority_that_nobody_vouches_for(desk):
    assert said(await desk.send(CA_FILE=None)) == (1, "failed", "-", "other", "tls")


async def test_a_private_address_is_refused_unless_it_is_allowed(desk):
    result = await desk.send(ALLOW_PRIVATE_ENDPOINTS=None)
    assert said(result) == (1, "invalid", "-", "other", "endpoint_not_allowed")


async def test_a_host_that_is_not_allowed_is_said_without_the_endpoint(desk):
    result = await desk.send(ENDPOINT_HOSTS=None)
    assert said(result) == (1, "invalid", "-", "-", "endpoint_not_allowed")
    assert "PUSHMILL_ENDPOINT_HOSTS" in result.stderr
    assert desk.subscription.token not in result.output
    assert desk.pushes() == []


@pytest.mark.parametrize(
    ("shown", "detail"),
    [
        (("--title", " ", "--url", "https://a.example/"), "bad_title"),
        (("--title", "Hi", "--url", "http://a.example/"), "bad_url"),
        ((*SHOWN, "--body", "x" * 4000), "payload_too_large"),
        (("--payload", "x" * 3994), "payload_too_large"),
    ],
)
async def test_what_cannot_be_sent(desk, shown, detail):
    assert said(await desk.send(desk.file, *shown)) == (1, "rejected", "-", "-", detail)
    assert desk.pushes() == []


async def test_keys_of_a_subscription_that_are_of_no_use(desk):
    value = desk.subscription.to_json()
    file = desk.write(value | {"keys": value["keys"] | {"auth": "c2VjcmV0"}})
    result = await desk.send(file, *SHOWN)
    assert said(result) == (1, "invalid", "-", "-", "bad_keys")
    assert "c2VjcmV0" not in result.output


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--title", "Hi"),
        ("--url", "https://a.example/"),
        ("--body", "B"),
        ("--payload", "x", "--title", "Hi"),
        ("--payload", "x", "--tag", "t"),
        (*SHOWN, "--ttl", "-1"),
        (*SHOWN, "--ttl", str(2**31)),
        (*SHOWN, "--topic", "no spaces"),
        (*SHOWN, "--topic", "x" * 33),
        (*SHOWN, "--subject", "ops@example.com"),
        (*SHOWN, "--subject", ""),
        (*SHOWN, "--key", "missing"),
        (*SHOWN, "--key", "subscription.json"),
        (*SHOWN, "--folder", "elsewhere"),
    ],
)
async def test_wrong_usage(desk, args):
    refused(await desk.send(desk.file, *args))
    assert desk.pushes() == []


async def test_an_urgency_that_nobody_knows(desk):
    result = await desk.send(desk.file, *SHOWN, "--urgency", "very-high")
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    "settings",
    [
        {"VAPID_SUBJECT": None},
        {"VAPID_SUBJECT": "nonsense"},
        {"ENDPOINT_HOSTS": "https://no.example"},
        {"CA_FILE": "missing.pem"},
        {"CA_FILE": "subscription.json"},
        {"REQUEST_TIMEOUT": "soon"},
        {"REQUEST_TIMEOUT": "100"},
        {"ALLOW_PRIVATE_ENDPOINTS": "perhaps"},
        {"VAPID_DIR": "missing"},
    ],
)
async def test_settings_that_cannot_be_used_are_named(desk, settings):
    line = refused(await desk.send(**settings))
    assert next(iter(settings)) in line or "missing/default.pem" in line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"endpoint": "https://fcm.googleapis.com/s3cr3t"}',
        '{"endpoint": 1, "keys": {"p256dh": "", "auth": ""}}',
        '{"endpoint": "https://a.example/s3cr3t", "keys": {"p256dh": "s3cr3t", "auth": "s3cr3t"}}\n' * 2,
        "[" * 100_000,
    ],
)
async def test_files_that_hold_no_subscription(desk, text):
    assert "s3cr3t" not in refused(await desk.send(desk.write(text), *SHOWN))


async def test_bytes_that_are_no_text(desk):
    (desk.folder / "bytes").write_bytes(b'{"endpoint": "\xff\xfe"}')
    refused(await desk.send("bytes", *SHOWN))


@pytest.mark.parametrize("file", ["missing.json", "vapid", "a" * 5000])
async def test_files_that_cannot_be_read(desk, file):
    assert "cannot be read" in refused(await desk.send(file, *SHOWN))


async def test_nothing_secret_is_said(desk):
    value = desk.subscription.to_json()
    echoed = " ".join([value["endpoint"], *value["keys"].values(), desk.subscription.token])
    desk.service.script(desk.subscription, [ScriptedAnswer(400, body=echoed)])
    output = (await desk.send()).output
    assert not any(secret in output for secret in (*value["keys"].values(), desk.subscription.token, "Hi"))
    assert "the push service says: " in output


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ScriptedAnswer(403, body='{"reason": "BadJwtToken"}'), ["BadJwtToken"]),
        (ScriptedAnswer(400, body="UnauthorizedRegistration\n"), ["UnauthorizedRegistration"]),
        (ScriptedAnswer(410, body='{"errno": 106, "message": "No such subscription"}'),
         ["errno 106, No such subscription"]),
        (ScriptedAnswer(503), []),
    ],
)  # fmt: skip
async def test_the_push_service_s_own_reason_is_told(desk, answer, said):
    desk.service.script(desk.subscription, [answer])
    result = await desk.send()
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [f"pushmill: the push service says: {each}" for each in said]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("auth", "c2VjcmV0", "the subscription's keys.auth must be 16 bytes, is 6"),
        ("p256dh", "BAAA", "the subscription's keys.p256dh must be 65 bytes, is 3"),
        ("p256dh", "B" + "A" * 86, "the subscription's keys.p256dh is not a point on P-256"),
    ],
)
async def test_the_bad_key_is_named(desk, name, value, said):
    subscription = desk.subscription.to_json()
    file = desk.write(subscription | {"keys": subscription["keys"] | {name: value}})
    assert (await desk.send(file, *SHOWN)).stderr == f"pushmill: {said}\n"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (("--title", " ", "--url", "https://a.example/"), "--title is empty"),
        (("--title", "Hi", "--url", "http://a.example/"), "--url is not an absolute https URL"),
        ((*SHOWN, "--body", "x" * 4000), "--notification is too large"),
        (("--payload", "x" * 3994), "--payload is too large"),
    ],
)
async def test_the_field_that_cannot_be_sent_is_named(desk, shown, said):
    assert (await desk.send(desk.file, *shown)).stderr.startswith(f"pushmill: {said}")


async def test_the_setting_that_stands_in_the_way_is_named(desk):
    assert "PUSHMILL_ALLOW_PRIVATE_ENDPOINTS=true" in (await desk.send(ALLOW_PRIVATE_ENDPOINTS=None)).stderr
    assert "PUSHMILL_ENDPOINT_HOSTS" in (await desk.send(ENDPOINT_HOSTS=None)).stderr
    assert "PUSHMILL_CA_FILE" in (await desk.send(CA_FILE=None)).stderr


async def test_another_vapid_key_is_told(desk):
    assert "--key" in "".join(why_not_sent(KEY_MISMATCH, PushResponse(403), desk_subscription(desk)))
    assert "BadJwtToken" in "".join(
        why_not_sent(BAD_JWT, PushResponse(403, body=b'{"reason": "BadJwtToken"}'), desk_subscription(desk))
    )


KEY_MISMATCH = Settled(Status.UNAUTHORIZED, "key_mismatch")
BAD_JWT = Settled(Status.UNAUTHORIZED, "bad_jwt")


def desk_subscription(desk):
    return msgspec.convert(desk.subscription.to_json(), Subscription)


async def test_as_a_process(desk):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, desk.file, *SHOWN, env=os.environ | desk.env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path.cwd(),
    )  # fmt: skip
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(b"sent 201 other - ")
