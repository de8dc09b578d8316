"""What the steps of the path cost by themselves, in one process without any I/O: CPU microseconds each.

python -m benchmarks.stages
"""

import json
import os
import time
from collections.abc import Callable
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ec import ECDH, SECP256R1, generate_private_key

from crypto.aes128gcm import encrypt
from crypto.keys import generate_ephemeral_key, generate_receiver_keys, parse_subscription_keys
from crypto.vapid import TokenCache, generate_vapid_key
from worker.answers import PushResponse, classify
from worker.edges.clock import SystemEntropy
from worker.edges.dispatcher import BURST
from worker.edges.http1 import AnswerParser, request_bytes
from worker.intake import Record, take_in_hand
from worker.job import Urgency
from worker.ledger import Partition
from worker.request import PushRequest, push_headers
from worker.services import Endpoint, Endpoints, HostRule, PushService

SLICES = 15
"""That each step is measured in, in turns with the others: a shared machine changes its speed in seconds."""

REPEATS = 2000
"""Of a step, in all slices together."""

ANSWER = (
    b"HTTP/1.1 201 Created\r\nLocation: https://localhost:1/0\r\nTTL: 60\r\nContent-Length: 0\r\n"
    b"Date: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n\r\n"
)


def measure(step: Callable[[], object], repeats: int) -> float:
    """CPU microseconds of one call, the mean of so many."""
    step()
    began = time.process_time()
    for _ in range(repeats):
        step()
    return (time.process_time() - began) / repeats * 1e6


def agree() -> Callable[[], object]:
    """Key generation and ECDH of the library alone: what no encryption of pushes can do without."""
    receiver = generate_private_key(SECP256R1()).public_key()
    curve, ecdh = SECP256R1(), ECDH()
    return lambda: generate_private_key(curve).exchange(ecdh, receiver)


def stages(recipients: int = 100) -> dict[str, float]:
    """Measure all of them, with a payload of 300 bytes: medians of the slices."""
    steps = _steps(recipients)
    slices: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(SLICES):
        for name, (step, times) in steps.items():
            slices[name].append(measure(step, max(1, REPEATS // SLICES // times)) / times)
    return {name: median(each) for name, each in slices.items()}


def _steps(recipients: int) -> dict[str, tuple[Callable[[], object], int]]:
    """Each step, and for how many pushes one call of it is made."""
    receiver = generate_receiver_keys()
    keys = parse_subscription_keys(receiver.p256dh, receiver.auth_text)
    endpoint = Endpoints([HostRule("localhost", 1)]).parse("https://localhost:1/fcm/send/" + "x" * 152)
    tokens, vapid = TokenCache("mailto:ops@example.com"), generate_vapid_key()
    text = b"x" * 300
    record = _record(receiver.p256dh, receiver.auth_text, recipients)
    taken = take_in_hand(record, 0.0)
    message = taken.job.message
    authorization = tokens.authorization(vapid, endpoint.origin.url, 0.0)
    request = _request(endpoint, authorization, encrypt(text, keys, generate_ephemeral_key(), os.urandom(16)))
    parser, entropy = AnswerParser(), SystemEntropy()

    def encrypt_burst() -> None:
        """As the worker does it: all keys and salts of a burst, then its messages."""
        fresh = zip(entropy.ephemeral_keys(BURST), entropy.salts(BURST), strict=True)
        for ephemeral, salt in fresh:
            encrypt(text, keys, ephemeral, salt)

    return {
        "key generation and ECDH (floor)": (agree(), 1),
        f"decode, a recipient of {recipients}": (lambda: take_in_hand(record, 0.0), recipients),
        "parse subscription keys": (lambda: parse_subscription_keys(receiver.p256dh, receiver.auth_text), 1),
        "render": (lambda: message.render(taken.recipients[0]), 1),
        "ephemeral key": (generate_ephemeral_key, 1),
        "encrypt, with the ephemeral key": (encrypt_burst, BURST),
        "authorize": (lambda: tokens.authorization(vapid, endpoint.origin.url, 0.0), 1),
        "build the request": (lambda: _request(endpoint, authorization, b"x"), 1),
        "request to bytes": (lambda: request_bytes(request), 1),
        "read the answer": (lambda: parser.feed(ANSWER), 1),
        "classify": (lambda: classify(PushService.FCM, PushResponse(201)), 1),
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
