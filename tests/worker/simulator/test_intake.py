import time

import pytest

from crypto.vapid import generate_vapid_key
from worker.simulator.profiles import PROFILES

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


@pytest.mark.parametrize("profile", PROFILES)
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


async def test_the_hook_sees_each_push_taken(start):
    seen = []
    sender = await start("fcm", on_push=lambda *push: seen.append(push))
    [subscription] = sender.service.subscribe()
    await sender.push(subscription, b"one")
    await sender.push(subscription, TTL=None)
    [(token, plaintext, headers, at)] = seen
    assert (token, plaintext, headers[b"ttl"]) == (subscription.token, b"one", b"60")
    assert at <= time.time()
