"""Every decoder of outside input as a function of bytes that raises only if a promise is broken.

One table serves hypothesis and the kept inputs in `make test`, and atheris in `make fuzz`. Every decoder
promises a value or the documented exception, no part of a secret in its text, and bounded output.
"""

import asyncio
import contextlib
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import typer

from crypto import base64url
from crypto.aes128gcm import RECORD_SIZE, agree_as_receiver, decrypt, encode_content, encrypt
from crypto.errors import (
    DecryptionError,
    PayloadTooLargeError,
    SubscriptionKeyError,
    VapidKeyError,
    VapidTokenError,
)
from crypto.key_forms import read_vapid_key
from crypto.keys import parse_subscription_keys
from crypto.vapid import load_vapid_key, sign, verify
from tests.fuzz import oracles
from tests.fuzz.agreement import agreement
from tests.fuzz.journey import travel
from tests.harness.agreement import agreed_with
from tests.worker.support import AGREEMENT, JOBS, NOW, RECEIVER, URGENT, VAPID_KEY
from worker.checks.places import places
from worker.checks.rules import findings
from worker.checks.syntax import explain
from worker.commands import MISUSED
from worker.commands import send as send_command
from worker.config import load_settings
from worker.edges.http.http1 import AnswerParser, request_bytes
from worker.edges.http.transport import ANSWER_MAX_BYTES
from worker.edges.keyring import Keyring
from worker.ledger.ledger import Ledger
from worker.ledger.progress import METADATA_MAX_CHARS, ProgressError, decode_progress, encode_progress
from worker.push.addresses import is_public, refused
from worker.push.answers import (
    RETRY_AFTER_MAX,
    PushResponse,
    TransportFailure,
    classify,
    lowered_ttl,
    retry_after,
)
from worker.push.message import compile_message
from worker.push.request import PushHeaders, PushRequest
from worker.push.services import EndpointRefusedError, Endpoints, HostRule, PushService
from worker.push.template import BadNotificationError
from worker.push.verdict import Settled
from worker.records.control import CampaignError, Campaigns, State, change, decode_control
from worker.records.envelope import Partition
from worker.records.job import SendJob, decode_job, decode_later
from worker.records.outcome import Status
from worker.records.recipient import decode_subscription
from worker.records.stats import Totals
from worker.records.topics import TIERS
from worker.records.values import RecordError, encode_json
from worker.simulator.connection import PushConnection
from worker.simulator.service import SimulatedPushService
from worker.timing.tiers import pause_tier

Target = Callable[[bytes], None]

MARK = "s3cret"
"""Part of every secret in the corpus: a message without it reveals no secret."""

PROBLEM_MAX_CHARS = 400
AUDIENCE = "https://push.example"
LATER = [Partition(tier.topic, 0) for tier in TIERS]
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
SEPARATOR = "\x1f"
"""Separates the parts of an input that has several."""


def check_message(problem: str) -> None:
    assert len(problem) <= PROBLEM_MAX_CHARS, "the message is too long"
    assert MARK not in problem, "reveals a secret"


def hold(promise: bool, what: str) -> None:
    """Assert a promise inside an `except` block."""
    assert promise, what


# ── records ─────────────────────────────────────────────────────────────────────────────────────────────────


def job(data: bytes) -> None:
    """A record of `push.jobs` or `push.jobs.urgent`, followed to the end of each recipient."""
    check_travelled(URGENT if len(data) % 8 == 0 else JOBS, data)


def tier(data: bytes) -> None:
    """A record of a tier: normally written by pushmill, but anyone can write to Kafka."""
    check_travelled(LATER[len(data) % len(LATER)], data)
    check_schema("later-job", decode_later, data)


def check_travelled(partition: Partition, data: bytes) -> None:
    error = travel(partition, data)
    if error is not None:
        assert error.code in {"bad_json", "bad_field", "unsupported_version"}, error.problem
        check_message(error.problem)


def schema(data: bytes) -> None:
    """The JSON Schema of a job and the decoder refuse the same, with the documented exceptions."""
    check_schema("send-job", decode_job, data)


def check_schema(name: str, decode: Callable[[bytes], Any], data: bytes) -> None:
    tree = oracles.plain_json(data)
    if tree is oracles.NOT_PLAIN:
        return
    problems = [*oracles.validator(name).iter_errors(tree)]
    try:
        decoded = decode(data)
    except RecordError as error:
        hold(bool(problems) or oracles.beyond_schemas(error.problem), error.problem)
        return
    flaws = {*getattr(decoded, "flaws", {}).values()}
    assert flaws or not problems, "the schema refuses an accepted value"
    # To a schema, a time is a string like any other.
    assert not flaws - {"bad_not_before"} or problems, "the schema accepts a value with flaws"


def check(data: bytes) -> None:
    """`pushmill check`: each finding once, without values; if there is no error, everything is sent."""
    found = findings(data, Endpoints())
    assert len({(each.severity, each.field, each.problem) for each in found}) == len(found)
    for each in found:
        assert len(each.field) + len(each.problem) <= 1000 + 70 * each.field.count(".")
        assert MARK not in each.problem or MARK in "".join(oracles.names(data)), "reveals a secret"
        assert (each.field + each.problem).isprintable(), "could do something to a terminal"
    lines = data.count(b"\n") + 1
    fault = explain(data)
    where = [*places(data, {each.field for each in found}).values(), *([fault.place] if fault else [])]
    assert all(1 <= place.line <= lines and place.column >= 1 for place in where), "is nowhere in the file"
    if not any(each.severity == "error" for each in found):
        assert decode_job(data).flaws == {}
        assert travel(JOBS, data, only=frozenset({"sent", "lapsed", "expired", "failed"})) is None


def control(data: bytes) -> None:
    """A record of `push.control`."""
    check_schema("campaign-control", decode_control, data)
    try:
        record = decode_control(data)
    except RecordError as error:
        check_message(error.problem)
        return
    campaigns = Campaigns()
    held = campaigns.apply(record)
    assert campaigns.of(record.campaign_id).shift_at(NOW) >= held.shift >= 0
    assert pause_tier(NOW - held.at, 100.0) in TIERS
    for wanted in State:
        try:
            written = change(record.campaign_id, held, wanted, NOW)
        except CampaignError:
            continue
        if written.shift <= 10 * 365 * 86_400:
            assert decode_control(encode_json(written)) == written
    campaigns.forget(record.campaign_id)
    assert not len(campaigns)


def stats(data: bytes) -> None:
    """A record of `push.stats`, as `pushmill control stats` adds it up."""
    totals = Totals("camp_1", NOW)
    totals.add(data)
    assert totals.records in {0, 1}
    assert totals.accepted >= 0
    assert 0.0 <= totals.delivery_rate <= 1.0
    assert totals.pace >= 0.0
    tree = oracles.plain_json(data)
    if totals.records and tree is not oracles.NOT_PLAIN:
        assert not [*oracles.validator("campaign-stats").iter_errors(tree)]


def metadata(data: bytes) -> None:
    """A commit's metadata; the first three bytes are its offset."""
    low, text = int.from_bytes(data[:3]), data[3:].decode("utf-8", "replace")
    try:
        progress = decode_progress(low, text)
    except ProgressError as error:
        check_message(str(error))
        return
    assert progress.low == low
    edges = [low - 1, *(edge for pair in progress.done for edge in pair)]
    assert edges == sorted(set(edges))
    assert [*progress.partial] == sorted(progress.partial)
    assert all(offset >= low for offset in progress.partial)
    assert decode_progress(low, encode_progress(progress)) == progress
    check_restored(Partition("jobs", 0), low, text)


def check_restored(partition: Partition, low: int, text: str) -> None:
    """Check that the first commit of a new owner fits, like the one it was given."""
    ledger: Ledger[None, None] = Ledger()
    ledger.assign(partition, decode_progress(low, text))
    entry = ledger.open_record(partition, low, 1, None)
    if entry is None or not entry.open:
        return
    renewed = ledger.checkpoint()
    assert renewed is not None
    assert all(len(commit.metadata) <= METADATA_MAX_CHARS for commit in renewed.commits.values())


# ── answers of push services ───────────────────────────────────────────────────────────────────────────────


def answer(data: bytes) -> None:
    """An answer on the wire: read the same in any pieces, within bounds, and as others read it."""
    every, wire = data[0] if data else 0, data[1:]
    parser = AnswerParser()
    said = fed(parser, [wire] if wire else [])
    reusable = parser.reusable
    check_said(said)
    if every:
        again = AnswerParser()
        assert fed(again, [wire[at : at + every] for at in range(0, len(wire), every)]) == said
        assert again.reusable or not reusable  # surplus bytes may come later
    if reusable:
        assert isinstance(said, PushResponse)
        assert oracles.http_answer(wire) in {None, (said.status, said.body)}
        assert fed(parser, [CREATED]) == PushResponse(201)


def fed(parser: AnswerParser, pieces: list[bytes]) -> PushResponse | TransportFailure:
    for piece in pieces:
        said = parser.feed(piece)
        if said is not None:
            return said
    return parser.cut(TransportFailure.RESET)


def check_said(said: PushResponse | TransportFailure) -> None:
    if isinstance(said, PushResponse):
        assert len(said.body) <= ANSWER_MAX_BYTES
        assert set(said.headers) <= {"retry-after", "ttl", "x-wns-status", "x-wns-error-description"}
    for service in PushService:
        verdict = classify(service, said)
        word = verdict.detail if isinstance(verdict, Settled) else verdict.reason
        assert word is None or word in oracles.WORDS, "is not one of the stable words"


def headers(data: bytes) -> None:
    """Arbitrary values of the headers `Retry-After` and `TTL`."""
    first, _, second = data.decode("latin-1").partition(SEPARATOR)
    for now in (NOW, 0.0):
        assert 0.0 <= retry_after({"retry-after": first}, now) <= RETRY_AFTER_MAX
    assert lowered_ttl({"ttl": second}, 0) is False
    assert isinstance(lowered_ttl({"ttl": second}, 60), bool)


def verdict(data: bytes) -> None:
    """An arbitrary status and body."""
    check_said(PushResponse(200 + int.from_bytes(data[:2]) % 400, {}, data[2 : 2 + ANSWER_MAX_BYTES]))


# ── requests to simulated push services ───────────────────────────────────────────────────────────────────


class Client:
    """The transport of a remote client; keeps the answers."""

    def __init__(self) -> None:
        self.heard = b""
        self.gone = False

    def get_extra_info(self, _name: str) -> tuple[str, int]:
        return ("192.0.2.1", 1)

    def write(self, data: bytes) -> None:
        assert not self.gone, "answers a client that is gone"
        self.heard += data

    def close(self) -> None:
        self.gone = True


def request(data: bytes) -> None:
    """Requests on one connection of `pushmill simulate`: complete answers, the same in any pieces."""
    every, wire = data[0] if data else 0, data[1:]
    statuses = asyncio.run(answered([wire]))
    if every:
        pieces = [wire[at : at + every] for at in range(0, len(wire), every)]
        assert asyncio.run(answered(pieces)) == statuses


async def answered(pieces: list[bytes]) -> list[bytes]:
    client = Client()
    connection = PushConnection(simulated(), set())
    connection.connection_made(client)  # type: ignore[arg-type]
    for piece in pieces:
        if not client.gone:
            connection.data_received(piece)
    connection.connection_lost(None)
    left, statuses = client.heard, []
    while left:
        head, _, rest = left.partition(b"\r\n\r\n")
        found = re.match(rb"HTTP/1\.1 ([1-5]\d\d) [^\r\n]+(?:\r\n[!-~]+: [^\r\n]*)*$", head)
        hold(found is not None, "is not an answer")
        statuses.append(found[1] if found else b"")
        length = re.search(rb"Content-Length: (\d+)$", head)
        left = rest[int(length[1]) :] if length else rest
    return statuses


@cache
def simulated() -> SimulatedPushService:
    """Make a push service that does not listen."""
    made = SimulatedPushService("fcm", ssl_context=None, keep="none", key_pairs=1)
    for listening in made._sockets:
        listening.close()
    made.subscribe(1)
    return made


# ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────

ADMITTING: tuple[tuple[bool, list[HostRule]], ...] = (
    (False, []),
    (True, []),
    (True, [HostRule("push.example", 8443), HostRule("localhost", 9)]),
)
"""Whether any host is admitted, and the rules for particular hosts."""

SETTINGS = load_settings({"PUSHMILL_VAPID_DIR": ".", "PUSHMILL_VAPID_SUBJECT": "mailto:a@b.example"})


def subscription(data: bytes) -> None:
    """A file for `pushmill send`: a request to its endpoint, or one line that says what is wrong."""
    stderr = io.StringIO()
    with tempfile.TemporaryDirectory(dir=oracles.MEMORY) as folder, contextlib.redirect_stderr(stderr):
        file = Path(folder, "subscription.json")
        file.write_bytes(data)
        made = sent_to(file)
    lines = stderr.getvalue().replace(str(file), "").splitlines()
    for line in lines:
        check_message(line)
        assert line.isprintable(), "could do something to a terminal"
    tree = oracles.plain_json(data)
    if tree is not oracles.NOT_PLAIN:
        assert (made is not None) is oracles.is_subscription(tree)
    if isinstance(made, PushRequest):
        assert lines == []
        found = decode_subscription(data)
        assert made.endpoint.target.lstrip("/") in found.endpoint
        if (found.keys.p256dh, found.keys.auth) == (RECEIVER.p256dh, RECEIVER.auth_text):
            assert decrypt(made.body, RECEIVER) == b"hello"
    else:
        assert len(lines) == 1 or made == Settled(Status.INVALID, "bad_keys")


def sent_to(file: Path) -> PushRequest | Settled | None:
    """Return the request or the outcome for a file; None if it holds no subscription."""
    try:
        read = send_command._read_subscription(str(file))
    except typer.Exit as error:
        hold(error.exit_code == MISUSED, "exits with another status")
        return None
    return send_command._make(send_command._job(read, {"payload": "hello"}), VAPID_KEY, SETTINGS)


def endpoint(data: bytes) -> None:
    """A subscription's endpoint: any other reader of an admitted URL would connect to the same host."""
    url = data.decode("utf-8", "replace")
    for any_host, rules in ADMITTING:
        try:
            found = Endpoints(rules, any_host=any_host).parse(url)  # a new one: it remembers hosts
        except EndpointRefusedError as error:
            check_message(str(error))
            continue
        origin = found.origin
        assert oracles.authority(url) == (origin.host, origin.port)
        assert not oracles.is_ip_address(origin.host), "the host is an IP address"
        assert any_host or origin.service is not PushService.OTHER or origin.host == "graph.facebook.com"
        wire = request_bytes(PushRequest(found, PushHeaders({}), b""))
        assert wire.startswith(b"POST /")
        assert wire.count(b"\n") == 5
        assert found.target.lstrip("/") in url
        assert MARK not in repr(found) or MARK in origin.host


def address(data: bytes) -> None:
    """An IP address from a resolver: an address that counts as public does so elsewhere, too."""
    text = data.decode("utf-8", "replace")
    if is_public(text):
        assert oracles.may_be_public(text)
    assert refused([text]) is not is_public(text)
    assert refused([text, "127.0.0.1"])


def keys(data: bytes) -> None:
    """A subscription's keys: p256dh, then auth."""
    p256dh, _, auth = data.decode("utf-8", "surrogateescape").partition(SEPARATOR)
    try:
        found = parse_subscription_keys(p256dh, auth)
    except SubscriptionKeyError as error:
        check_message(str(error))
        hold(error.field in {"p256dh", "auth"}, "names a different field")
        return
    assert (len(found.p256dh), len(found.auth)) == (65, 16)
    assert found.p256dh == oracles.base64url(p256dh)
    assert found.auth == oracles.base64url(auth)
    assert auth not in repr(found)
    assert encrypt(b"x", found, agreed_with(found), bytes(16))


def template(data: bytes) -> None:
    """A notification's texts and a recipient's value: bounded JSON, as a plain reading fills it in."""
    parts = data.decode("utf-8", "replace").split(SEPARATOR)
    title, url, body, name, value = [*parts, "", "", "", "", ""][:5]
    nowhere = {"endpoint": "", "keys": {"p256dh": "", "auth": ""}}
    sent = {
        "v": 1,
        "job_id": "j",
        "campaign_id": "c",
        "site_id": "s",
        "notification": {"title": title, "url": url, "body": body, "data": {"k": [body, 1]}},
        "recipients": [{"id": "r", "subscription": nowhere, "variables": {name: value}}],
    }
    made = msgspec.convert(sent, SendJob)
    message = compile_message(made)
    try:
        text = message.render(made.recipients[0])
    except (BadNotificationError, PayloadTooLargeError) as error:
        check_message(str(error))
        return
    assert message.fits
    assert len(text) <= 3993
    shown = json.loads(text)["notification"]
    values = {name: value, "job_id": "j", "campaign_id": "c", "site_id": "s", "recipient_id": "r"}
    assert shown["title"] == oracles.filled(title, values)
    assert shown["body"] == oracles.filled(body, values)
    assert shown["data"]["k"] == [oracles.filled(body, values), 1]
    assert shown["navigate"] == oracles.filled(url, values, in_url=True)


# ── keys and ciphertexts ────────────────────────────────────────────────────────────────────────────────────


def key_file(data: bytes) -> None:
    """A VAPID key file."""
    with tempfile.TemporaryDirectory(dir=oracles.MEMORY) as folder:
        Path(folder, "k.pem").write_bytes(data)
        problems: list[str] = []
        held = Keyring(Path(folder), lambda: 0.0, on_problem=lambda _, problem: problems.append(problem))
        found = held.get("k")
    assert (found is None) == bool(problems)
    for problem in problems:
        check_message(problem)
        assert not any(line in problem for line in oracles.long_lines(data)), "quotes the file"
    try:
        key = load_vapid_key(data[:65_536])
    except VapidKeyError:
        assert found is None
        return
    assert key.public == load_vapid_key(key.to_pem()).public
    assert key.to_pem().decode().splitlines()[1] not in repr(key)


def key_form(data: bytes) -> None:
    """A file that `pushmill keys import` is given: whatever other programs keep a VAPID key in."""
    try:
        key = read_vapid_key(data)
    except VapidKeyError as error:
        check_message(str(error))
        hold(not any(line in str(error) for line in oracles.long_lines(data)), "quotes the file")
        return
    assert load_vapid_key(key.to_pem()).public == key.public
    number = key.signer.private_key.private_numbers().private_value.to_bytes(32)
    assert read_vapid_key(base64url.encode(number).encode(), public=key.public).public == key.public


def authorization(data: bytes) -> None:
    """An `Authorization` value as the simulated push services check it: raw, or a token with these claims."""
    text = data.decode("latin-1")
    if not text.startswith("vapid"):
        text = signed(data)
    try:
        claims = verify(text, AUDIENCE, NOW)
    except VapidTokenError as error:
        hold(error.problem in oracles.TOKEN_PROBLEMS, "is not one of the stable words")
        return
    assert claims.audience == AUDIENCE
    assert NOW < claims.expires_at + 1 <= NOW + 86_401


def signed(claims: bytes) -> str:
    """Make a correctly signed token with any claims."""
    header = base64url.encode(b'{"typ":"JWT","alg":"ES256"}')
    text = f"{header}.{base64url.encode(claims)}"
    made = sign(VAPID_KEY, AUDIENCE, "mailto:a@b.example", int(NOW) + 60)
    key = made.partition("k=")[2]
    return f"vapid t={text}.{base64url.encode(oracles.es256(VAPID_KEY, text))}, k={key}"


def body(data: bytes) -> None:
    """A body as the simulated push services decrypt it: raw, or padded content, correctly encrypted."""
    for encrypted in (data, *padded(data)):
        try:
            text = decrypt(encrypted, RECEIVER)
        except DecryptionError as error:
            check_message(str(error))
            continue
        assert len(text) <= len(encrypted) - 103
        assert text == oracles.decrypted(encrypted, RECEIVER)


def padded(data: bytes) -> Iterator[bytes]:
    """Yield authentic content; the input chooses padding and record size."""
    if len(data) < 4:
        return
    size = int.from_bytes(data[:2]) % (2 * RECORD_SIZE) + 18
    [agreed] = AGREEMENT.agree([RECEIVER.public])
    ikm = agree_as_receiver(agreed.sender, RECEIVER)
    chunks = [data[4:][:4000]] if data[2] & 1 else [data[4:][i : i + size - 17] for i in (0, size - 17)]
    try:
        yield encode_content(chunks, ikm, bytes(16), record_size=size, keyid=agreed.sender)
    except ValueError:
        return


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        *(job, tier, schema, check, control, stats, metadata),
        *(answer, headers, verdict, request),
        *(subscription, endpoint, address, keys, template),
        *(key_file, key_form, authorization, agreement, body),
    )
}
