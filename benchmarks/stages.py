"""What the steps of the path cost by themselves, in one process without any I/O: CPU microseconds each.

python -m benchmarks.stages
"""

import json
import os
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ec import ECDH, SECP256R1, generate_private_key

from crypto.aes128gcm import encrypt
from crypto.keys import generate_ephemeral_key, generate_receiver_keys, parse_subscription_keys
from crypto.vapid import TokenCache, generate_vapid_key
from worker.answers import PushResponse, classify
from worker.edges.http1 import AnswerParser, request_bytes
from worker.intake import Record, take_in_hand
from worker.job import Urgency
from worker.ledger import Partition
from worker.request import PushRequest, push_headers
from worker.services import Endpoint, Endpoints, HostRule, PushService

REPEATS = 2000
ANSWER = (
    b"HTTP/1.1 201 Created\r\nLocation: https://localhost:1/0\r\nTTL: 60\r\nContent-Length: 0\r\n"
    b"Date: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n\r\n"
)


def measure(step: Callable[[], object], repeats: int = REPEATS) -> float:
    """CPU microseconds of one call."""
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
    """Measure all of them, with a payload of 300 bytes."""
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
    parser = AnswerParser()

    return {
        "key generation and ECDH (floor)": measure(agree()),
        f"decode, a recipient of {recipients}": measure(lambda: take_in_hand(record, 0.0), 100) / recipients,
        "parse subscription keys": measure(
            lambda: parse_subscription_keys(receiver.p256dh, receiver.auth_text)
        ),
        "render": measure(lambda: message.render(taken.recipients[0])),
        "ephemeral key": measure(generate_ephemeral_key),
        "encrypt, with the ephemeral key": measure(
            lambda: encrypt(text, keys, generate_ephemeral_key(), os.urandom(16))
        ),
        "authorize": measure(lambda: tokens.authorization(vapid, endpoint.origin.url, 0.0)),
        "build the request": measure(lambda: _request(endpoint, authorization, b"x")),
        "request to bytes": measure(lambda: request_bytes(request)),
        "read the answer": measure(lambda: parser.feed(ANSWER)),
        "classify": measure(lambda: classify(PushService.FCM, PushResponse(201))),
    }  # fmt: skip


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
