"""The cost of each step of the path on its own, in one process without I/O: CPU microseconds.

python -m benchmarks.stages

A receiver's public key is used once in a campaign, so each key agreement here gets a freshly loaded one: the
library prepares a key at its first use and keeps the result.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import cycle
from statistics import median
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)

from crypto.aes128gcm import encrypt
from crypto.agreement.interface import Agreement
from crypto.agreement.lanes import COUNT, Lanes
from crypto.agreement.multibuffer import Multibuffer
from crypto.agreement.openssl import OpenSSL
from crypto.keys import (
    decode_subscription_keys,
    generate_receiver_keys,
    load_point,
    parse_subscription_keys,
)
from crypto.vapid import TokenCache, generate_vapid_key
from tests.harness.agreement import agreed_with
from worker.app.dispatch import BURST
from worker.edges.agreement.library import CryptoMb, LibraryError, getrandom
from worker.edges.clock import SystemEntropy
from worker.edges.http.http1 import AnswerParser, request_bytes
from worker.pipeline.intake import take_in
from worker.push.answers import PushResponse, classify
from worker.push.request import PushRequest, push_headers
from worker.push.services import Endpoint, Endpoints, HostRule, PushService
from worker.records.envelope import Partition, Record
from worker.records.job import Urgency

SLICES = 45
"""Slices in which each step is measured, in turn with the others: a shared machine changes its speed within
seconds."""

REPEATS = 6000
"""Calls of each step, in all slices together."""

RECEIVERS = 256
"""Different receivers, whose keys are loaded anew for each use."""

ANSWER = (
    b"HTTP/1.1 201 Created\r\nLocation: https://localhost:1/0\r\nTTL: 60\r\nContent-Length: 0\r\n"
    b"Date: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n\r\n"
)


class Step(NamedTuple):
    """A step to measure.

    Attributes:
        run: The step.
        pushes: How many pushes one call serves.
        given: Makes the argument of one call; not measured.
    """

    run: Callable[[Any], object]
    pushes: int = 1
    given: Callable[[], Any] = lambda: None


def measure(step: Step, repeats: int) -> float:
    """Return the mean CPU microseconds of one call."""
    first, *given = [step.given() for _ in range(1 + repeats)]
    step.run(first)
    began = time.process_time()
    for each in given:
        step.run(each)
    return (time.process_time() - began) / repeats * 1e6


def agree() -> Callable[[EllipticCurvePublicKey], object]:
    """Make the least that any encryption of pushes needs: the library's key generation and ECDH."""
    curve, ecdh = SECP256R1(), ECDH()
    return lambda receiver: generate_private_key(curve).exchange(ecdh, receiver)


def agree_together(lanes: Lanes) -> Callable[[None], object]:
    """Make the least that eight messages need of the library for eight: two calls on keys in its memory."""
    lanes.agree([generate_receiver_keys().public for _ in range(COUNT)])
    return lambda _: lanes._compute()  # noqa: SLF001 - nothing else needs it without the rest


def stages(recipients: int = 100) -> dict[str, float]:
    """Measure all steps with a payload of 300 bytes; return the medians of the slices."""
    steps = _steps(recipients)
    slices: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(SLICES):
        for name, step in steps.items():
            slices[name].append(measure(step, max(1, REPEATS // SLICES // step.pushes)) / step.pushes)
    return {name: median(each) for name, each in slices.items()}


def _steps(recipients: int) -> dict[str, Step]:
    receivers = [generate_receiver_keys() for _ in range(RECEIVERS)]
    subscriptions = cycle([(each.p256dh, each.auth_text) for each in receivers])
    p256dh, auth = next(subscriptions)
    keys = parse_subscription_keys(p256dh, auth)
    again = load_point(keys.p256dh)
    endpoint = Endpoints([HostRule("localhost", 1)]).parse("https://localhost:1/fcm/send/" + "x" * 152)
    tokens, vapid = TokenCache("mailto:ops@example.com"), generate_vapid_key()
    text = b"x" * 300
    record = _record(p256dh, auth, recipients)
    taken = take_in(record, 0.0)
    message = taken.job.message
    authorization = tokens.authorization(vapid, endpoint.origin.url, 0.0)
    request = _request(endpoint, authorization, encrypt(text, keys, agreed_with(keys), os.urandom(16)))
    parser, entropy = AnswerParser(), SystemEntropy()

    def fresh() -> EllipticCurvePublicKey:
        return load_point(decode_subscription_keys(*next(subscriptions)).p256dh)

    floor = agree()

    def encrypted_by(agreement: Agreement) -> Step:
        """Encrypt as the worker does: decode the keys of a burst, agree with all, then each message."""

        def encrypt_burst(burst: list[tuple[str, str]]) -> None:
            decoded = [decode_subscription_keys(*each) for each in burst]
            agreed = agreement.agree([each.p256dh for each in decoded])
            list(map(encrypt, [text] * BURST, decoded, agreed, entropy.salts(BURST)))

        return Step(encrypt_burst, BURST, given=lambda: [next(subscriptions) for _ in range(BURST)])

    return {
        "key generation and ECDH (floor)": Step(floor, given=fresh),
        "the same, one receiver's key again and again": Step(floor, given=lambda: again),
        "the same, the receiver's key loaded": Step(lambda _: floor(fresh())),
        f"decode, a recipient of {recipients}": Step(lambda _: take_in(record, 0.0), recipients),
        "decode subscription keys": Step(lambda _: decode_subscription_keys(p256dh, auth)),
        "render": Step(lambda _: message.render(taken.recipients[0])),
        "decode keys and encrypt, openssl": encrypted_by(OpenSSL()),
        **_with_multibuffer(encrypted_by),
        "authorize": Step(lambda _: tokens.authorization(vapid, endpoint.origin.url, 0.0)),
        "build the request": Step(lambda _: _request(endpoint, authorization, b"x")),
        "request to bytes": Step(lambda _: request_bytes(request)),
        "read the answer": Step(lambda _: parser.feed(ANSWER)),
        "classify": Step(lambda _: classify(PushService.FCM, PushResponse(201))),
    }


def _with_multibuffer(encrypted_by: Callable[[Agreement], Step]) -> dict[str, Step]:
    """Make the steps for the library for eight, where it can be used."""
    try:
        library = CryptoMb()
    except LibraryError as error:
        print(f"no stages with multibuffer: {error}", file=sys.stderr)
        return {}
    floor = agree_together(Lanes(library, getrandom))
    return {
        "eight key generations and ECDHs (floor of multibuffer), each": Step(floor, COUNT),
        "decode keys and encrypt, multibuffer": encrypted_by(Multibuffer(library, getrandom)),
    }


def _request(endpoint: Endpoint, authorization: str, body: bytes) -> PushRequest:
    headers = push_headers(
        endpoint.origin.service,
        authorization=authorization,
        content_type="application/json",
        ttl=60,
        urgency=Urgency.NORMAL,
        topic=None,
    )
    return PushRequest(endpoint, headers, body)


def _record(p256dh: str, auth: str, recipients: int) -> Record:
    people = [
        {
            "id": f"r{number}",
            "subscription": {
                "endpoint": "https://localhost:1/fcm/send/" + "x" * 152,
                "keys": {"p256dh": p256dh, "auth": auth},
            },
            "variables": {"name": "Ada"},
        }
        for number in range(recipients)
    ]
    job = {
        "v": 1,
        "job_id": "j",
        "campaign_id": "c",
        "site_id": "s",
        "recipients": people,
        "notification": {"title": "Hello {{name}}", "url": "https://shop.example/", "body": "x" * 100},
    }
    return Record(Partition("jobs", 0), 0, 0.0, None, json.dumps(job).encode())


if __name__ == "__main__":
    print(json.dumps(stages()))
