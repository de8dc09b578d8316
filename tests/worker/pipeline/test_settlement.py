"""How recipients and records end: outcomes, expirations, dead letters."""

import json

import pytest

from crypto.aes128gcm import MAX_PLAINTEXT
from tests.worker.pipeline.support import (
    HOUR,
    LATER,
    OK,
    UNAVAILABLE,
    answered,
    at,
    outcomes,
    people,
    published,
)
from tests.worker.support import (
    JOBS,
    NOW,
    job,
    make_pipeline,
    recipient,
    record,
)
from worker.pipeline.tally import INTERVAL
from worker.push.answers import PushResponse, TransportFailure
from worker.push.services import Endpoints

# ── recipients ──────────────────────────────────────────────────────────────────────────────────────────

GOOD = job()

BAD_KEYS = recipient("a") | {
    "subscription": recipient("a")["subscription"] | {"keys": {"p256dh": "AA", "auth": "AA"}}
}

ELSEWHERE = recipient("a") | {
    "subscription": recipient("a")["subscription"] | {"endpoint": "https://127.0.0.1/x"}
}

UNREADABLE = {"id": "a", "subscription": {"endpoint": "https://fcm.googleapis.com/x"}}


def became(value, answer=OK, now=NOW, **limits):
    """Return what becomes of a job's first recipient, as (status, detail, attempts, http_status)."""
    pipeline = make_pipeline(**limits)
    pipeline.accept(record(value), now)
    answered(pipeline, answer, now)
    first = outcomes(published(pipeline, now))[0]
    return first["status"], first["detail"], first["attempts"], first["http_status"]


@pytest.mark.parametrize(
    ("value", "answer", "expected"),
    [
        (GOOD, OK, ("sent", None, 1, 201)),
        (GOOD, PushResponse(200), ("sent", None, 1, 200)),
        (GOOD, PushResponse(404), ("expired", "not_found", 1, 404)),
        (GOOD, PushResponse(410), ("expired", "gone", 1, 410)),
        (GOOD, PushResponse(400), ("rejected", "bad_request", 1, 400)),
        (GOOD, PushResponse(413), ("rejected", "payload_too_large", 1, 413)),
        (GOOD, PushResponse(307), ("rejected", "redirected", 1, 307)),
        (GOOD, PushResponse(401), ("unauthorized", "unauthorized", 1, 401)),
        (GOOD, PushResponse(403), ("unauthorized", "forbidden", 1, 403)),
        (GOOD, TransportFailure.ADDRESS_REFUSED, ("invalid", "endpoint_not_allowed", 1, None)),
        (job(ttl=0), UNAVAILABLE, ("lapsed", "retried", 1, 503)),
        (job(ttl=0), TransportFailure.TIMEOUT, ("lapsed", "retried", 1, None)),
        (job(not_after=at(NOW + 1)), UNAVAILABLE, ("lapsed", "retried", 1, 503)),
        (job(not_after=at(NOW - 1)), OK, ("lapsed", "produced_late", 0, None)),
        (job(start_at=at(NOW - 61), ttl=0), OK, ("lapsed", "produced_late", 0, None)),
        (job(start_at=at(NOW - 59), ttl=0), OK, ("sent", None, 1, 201)),
        (job(BAD_KEYS), OK, ("invalid", "bad_keys", 0, None)),
        (job(ELSEWHERE), OK, ("invalid", "endpoint_not_allowed", 0, None)),
        (job(UNREADABLE), OK, ("invalid", "bad_subscription", 0, None)),
        (job(recipient(variables={"a": []})), OK, ("invalid", "bad_variables", 0, None)),
        (job(vapid_key="missing", not_after=at(NOW + 9)), OK, ("invalid", "no_vapid_key", 0, None)),
        (job(payload="x" * (MAX_PLAINTEXT + 1)), OK, ("rejected", "payload_too_large", 0, None)),
        (
            job(notification={"title": "{{name}}", "url": "https://x.example/"}),
            OK,
            ("rejected", "bad_title", 0, None),
        ),
    ],
)
def test_what_becomes_of_a_recipient(value, answer, expected):
    assert became(value, answer) == expected


CONNECTION_FAILURES = [each for each in TransportFailure if each is not TransportFailure.ADDRESS_REFUSED]


@pytest.mark.parametrize("answer", [UNAVAILABLE, PushResponse(500), PushResponse(429), *CONNECTION_FAILURES])
def test_the_last_attempt_is_the_last(answer):
    status, _, attempts, _ = became(GOOD, answer, attempts=1)
    assert (status, attempts) == ("failed", 1)


def test_an_expired_subscription_is_told_with_its_endpoint():
    pipeline = make_pipeline()
    pipeline.accept(record(GOOD), NOW)
    answered(pipeline, PushResponse(410))
    (expired,) = published(pipeline)["expired"]
    assert expired.key == b"site_a/sub_1"
    assert json.loads(expired.value)["endpoint"] == recipient()["subscription"]["endpoint"]


def test_a_bad_recipient_costs_only_itself():
    bad = [BAD_KEYS | {"id": "bad_1"}, ELSEWHERE | {"id": "bad_2"}, UNREADABLE | {"id": "bad_3"}]
    bad.append(recipient("bad_4", variables={"name": ""}))
    good = people(5, variables={"name": "Ada"})
    notification = {"title": "{{name}}", "url": "https://x.example/"}
    pipeline = make_pipeline()
    pipeline.accept(record(job(*bad[:2], *good, *bad[2:], notification=notification)), NOW)
    assert len(answered(pipeline)) == 5
    statuses = {outcome["recipient_id"]: outcome["status"] for outcome in outcomes(published(pipeline))}
    assert statuses == {each["id"]: "sent" for each in good} | {
        "bad_1": "invalid",
        "bad_2": "invalid",
        "bad_3": "invalid",
        "bad_4": "rejected",
    }


def test_a_recipient_that_nobody_thought_of_costs_only_itself(monkeypatch):
    parse = Endpoints.parse

    def stumble(self, url):
        if url.endswith("/odd"):
            raise ZeroDivisionError
        return parse(self, url)

    monkeypatch.setattr(Endpoints, "parse", stumble)
    pipeline = make_pipeline()
    pipeline.accept(record(job(recipient("odd"), recipient("good"))), NOW)
    assert len(answered(pipeline)) == 1
    ends = {each["recipient_id"]: (each["status"], each["detail"]) for each in outcomes(published(pipeline))}
    assert ends == {"odd": ("rejected", "internal_error"), "good": ("sent", None)}


@pytest.mark.parametrize("wait", [0, 3 * HOUR])
@pytest.mark.parametrize(
    "content",
    [
        {"payload": "x" * 3994},
        {"payload": "ä" * 1997},
        {"notification": {"title": "Hi", "url": "https://x.example/", "body": "x" * 3994}},
        {"notification": {"title": "Hi {{name}}", "url": "https://x.example/", "body": "x" * 3994}},
        {"notification": {"title": "Hi {{name}}", "url": "https://x.example/", "body": "x" * 3994 + "{{a}}"}},
    ],
)
def test_what_can_never_fit_is_rejected_at_once(wait, content):
    pipeline = make_pipeline()
    pipeline.accept(record(job(start_at=at(NOW + wait), **content)), NOW)
    (outcome,) = outcomes(published(pipeline))
    assert (outcome["status"], outcome["detail"], outcome["attempts"]) == ("rejected", "payload_too_large", 0)


def test_what_comes_from_upstream_is_counted_as_accepted_and_what_comes_back_is_not():
    pipeline = make_pipeline(JOBS, LATER)
    pipeline.accept(record(job(*people(10))), NOW)
    back = job(recipient("later", attempts=0), ttl=60, start_at=at(NOW), stretch_time=0, lane="normal")
    pipeline.accept(record(back, LATER), NOW)
    answered(pipeline, most=4)
    batch = pipeline.checkpoint(NOW + INTERVAL)
    (stats,) = (json.loads(each.value) for each in batch.publications if each.topic == "stats")
    # The other six are counted when they leave: the record may be read again before that.
    assert (stats["accepted"], stats["counts"]) == (4, {"sent": 4})


# ── dead letters ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, b"bad_field"),
        (b"", b"bad_json"),
        (b"\xff\x00", b"bad_json"),
        (b'{"v": 1', b"bad_json"),
        (b"[" * 100_000, b"bad_field"),
        (json.dumps(job(v=2)).encode(), b"unsupported_version"),
        (json.dumps(job(site_id="../etc/passwd")).encode(), b"bad_field"),
        (json.dumps(job(payload="x", notification={"title": "", "url": ""})).encode(), b"bad_field"),
    ],
)
@pytest.mark.parametrize("partition", [JOBS, LATER])
def test_what_is_no_job_becomes_a_dead_letter_as_it_is_and_stalls_nothing(value, code, partition):
    pipeline = make_pipeline(partition)
    pipeline.accept(record(value, partition, 7, key=b"\x00", headers=(("own", b"1"), ("error", b"old"))), NOW)
    batch = pipeline.checkpoint(NOW)
    (letter,) = batch.publications
    assert (letter.topic, letter.key, letter.value) == ("dead-letters", b"\x00", value)
    headers = dict(letter.headers)
    assert len(headers) == len(letter.headers)
    assert headers.pop("error")
    assert headers == {
        "own": b"1",
        "error-code": code,
        "source-topic": f"push.{partition.topic}".encode(),
        "source-partition": b"0",
        "source-offset": b"7",
    }
    assert batch.checkpoint.commits[partition].offset == 8


def test_deeply_nested_data_becomes_a_dead_letter():
    data = b'{"v": 1, "job_id": "j", "campaign_id": "c", "site_id": "s", "recipients": [{"id": "a"}],'
    data += b'"notification": {"title": "t", "url": "https://x.example/", "data": {"a": '
    pipeline = make_pipeline()
    for offset, depth in enumerate((300, 900, 5000, 100_000)):
        pipeline.accept(record(data + b"[" * depth + b"]" * depth + b"}}}", offset=offset), NOW)
    assert len(published(pipeline)["dead-letters"]) >= 2
    assert pipeline.open == 0
