import json
import random
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from crypto.aes128gcm import MAX_PLAINTEXT, decrypt
from crypto.vapid import verify
from tests.worker.support import (
    HOSTS,
    JOBS,
    NOW,
    RECEIVER,
    URGENT,
    VAPID_KEY,
    FixedEntropy,
    job,
    land,
    make_pipeline,
    recipient,
    record,
    restored,
)
from worker.ledger.ledger import CHECKPOINT_MAX, OPEN_MAX
from worker.ledger.progress import METADATA_MAX_CHARS
from worker.metrics import Metrics
from worker.pipeline.tally import INTERVAL
from worker.push.answers import PushResponse, TransportFailure
from worker.push.services import Endpoints
from worker.records.envelope import Commit, Partition
from worker.timing.schedule import FIRST_ATTEMPT_GRACE

LATER = Partition("later.10s", 0)
OK = PushResponse(201)
BUSY = PushResponse(503)


def answered(pipeline, answer=OK, now=NOW, most=10_000):
    """Send what may be sent, and let every request end with `answer`."""
    flights = pipeline.dispatch(now, most)
    land(pipeline, [(flight, answer) for flight in flights], now)
    return flights


def published(pipeline, now=NOW):
    """Everything that waits for a checkpoint, by topic."""
    topics = {}
    while pipeline.unacknowledged:
        batch = pipeline.checkpoint(now)
        for each in batch.publications:
            topics.setdefault(each.topic, []).append(each)
        pipeline.acknowledge(batch)
    return topics


def outcomes(topics):
    batches = (json.loads(each.value) for each in topics.get("outcomes", ()))
    return [outcome for batch in batches for outcome in batch["outcomes"]]


def became(value, answer=OK, now=NOW, **limits):
    """What becomes of a job's first recipient at once, as (status, detail, attempts, http_status)."""
    pipeline = make_pipeline(**limits)
    pipeline.accept(record(value), now)
    answered(pipeline, answer, now)
    first = outcomes(published(pipeline, now))[0]
    return first["status"], first["detail"], first["attempts"], first["http_status"]


def later(topics, topic="later.10s"):
    return [json.loads(each.value) for each in topics.get(topic, ())]


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def people(count, prefix="r", **fields):
    return [recipient(f"{prefix}{number}", **fields) for number in range(count)]


# ── the path ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("service", HOSTS)
def test_a_notification_arrives_encrypted_and_signed(service):
    shown = {"title": "Hello {{name}}", "url": "https://shop.example/{{recipient_id}}"}
    pipeline = make_pipeline()
    pipeline.accept(record(job(recipient("a", service, variables={"name": "Ada"}), notification=shown)), NOW)
    (flight,) = pipeline.dispatch(NOW, 10)
    request = flight.request
    assert request.endpoint.origin.host == HOSTS[service]
    told = json.loads(decrypt(request.body, RECEIVER))
    assert told["web_push"] == 8030
    assert told["notification"]["title"] == "Hello Ada"
    assert told["notification"]["navigate"] == "https://shop.example/a"
    assert told["notification"]["data"]["pushmill"] == {
        "job_id": "job_1",
        "campaign_id": "camp_1",
        "recipient_id": "a",
    }
    claims = verify(request.headers["Authorization"], f"https://{HOSTS[service]}", NOW)
    assert claims.public_key == VAPID_KEY.public
    pipeline.land([flight], OK, NOW)
    (outcome,) = outcomes(published(pipeline))
    assert (outcome["status"], outcome["push_service"]) == ("sent", service)


def test_a_payload_goes_out_as_it_is():
    pipeline = make_pipeline()
    pipeline.accept(record(job(recipient("a"), payload="{{as}} it is")), NOW)
    (flight,) = pipeline.dispatch(NOW, 10)
    assert decrypt(flight.request.body, RECEIVER) == b"{{as}} it is"
    assert flight.request.headers["Content-Type"] == "application/octet-stream"


GOOD = job()
BAD_KEYS = recipient("a") | {
    "subscription": recipient("a")["subscription"] | {"keys": {"p256dh": "AA", "auth": "AA"}}
}
ELSEWHERE = recipient("a") | {
    "subscription": recipient("a")["subscription"] | {"endpoint": "https://127.0.0.1/x"}
}
UNREADABLE = {"id": "a", "subscription": {"endpoint": "https://fcm.googleapis.com/x"}}


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
        (job(ttl=0), BUSY, ("lapsed", "unavailable", 1, 503)),
        (job(ttl=0), TransportFailure.TIMEOUT, ("lapsed", "timeout", 1, None)),
        (job(not_after=at(NOW + 1)), BUSY, ("lapsed", "unavailable", 1, 503)),
        (job(not_after=at(NOW - 1)), OK, ("lapsed", None, 0, None)),
        (job(start_at=at(NOW - 61), ttl=0), OK, ("lapsed", None, 0, None)),
        (job(start_at=at(NOW - 59), ttl=0), OK, ("sent", None, 1, 201)),
        (job(BAD_KEYS), OK, ("invalid", "bad_keys", 0, None)),
        (job(ELSEWHERE), OK, ("invalid", "endpoint_not_allowed", 0, None)),
        (job(UNREADABLE), OK, ("invalid", "bad_subscription", 0, None)),
        (job(recipient(variables={"a": []})), OK, ("invalid", "bad_variables", 0, None)),
        (job(vapid_key="missing"), OK, ("invalid", "no_vapid_key", 0, None)),
        (job(payload="x" * (MAX_PLAINTEXT + 1)), OK, ("rejected", "payload_too_large", 0, None)),
        (
            job(notification={"title": "{{name}}", "url": "https://x.example/"}),
            OK,
            ("rejected", "bad_notification", 0, None),
        ),
    ],
)
def test_what_becomes_of_a_recipient(value, answer, expected):
    assert became(value, answer) == expected


@pytest.mark.parametrize("answer", [BUSY, PushResponse(500), PushResponse(429), *TransportFailure])
def test_the_last_attempt_is_the_last(answer):
    if answer is TransportFailure.ADDRESS_REFUSED:
        return
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
def test_what_is_no_job_is_buried_as_it_is_and_stalls_nothing(value, code, partition):
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


def test_deeply_nested_data_is_buried():
    data = b'{"v": 1, "job_id": "j", "campaign_id": "c", "site_id": "s", "recipients": [{"id": "a"}],'
    data += b'"notification": {"title": "t", "url": "https://x.example/", "data": {"a": '
    pipeline = make_pipeline()
    for offset, depth in enumerate((300, 900, 5000, 100_000)):
        pipeline.accept(record(data + b"[" * depth + b"]" * depth + b"}}}", offset=offset), NOW)
    assert len(published(pipeline)["dead-letters"]) >= 2
    assert pipeline.open == 0


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wait", "topic"),
    [(15.1, "later.10s"), (62, "later.1m"), (61, "later.10s"), (602, "later.10m"), (86_400, "later.1h")],
)
def test_what_is_not_due_goes_to_the_tier_that_does_not_overshoot(wait, topic):
    pipeline = make_pipeline()
    pipeline.accept(record(job(start_at=at(NOW + wait))), NOW)
    assert answered(pipeline, now=NOW + wait) == []
    (value,) = later(published(pipeline), topic)
    assert value["start_at"] == at(NOW + wait).replace("+00:00", "Z")
    assert value["recipients"][0]["attempts"] == 0


def test_what_is_due_soon_waits_in_memory_until_it_is_due():
    pipeline = make_pipeline()
    pipeline.accept(record(job(*people(2), stretch_time=10, slice={"first": 0, "total": 2})), NOW)
    assert [flight.delivery.recipient.id for flight in answered(pipeline)] == ["r0"]
    assert pipeline.next_due == NOW + 5
    assert answered(pipeline, now=NOW + 4.999) == []
    assert [flight.delivery.recipient.id for flight in answered(pipeline, now=NOW + 5)] == ["r1"]


def test_a_recipients_own_moment_counts():
    pipeline = make_pipeline()
    pipeline.accept(record(job(recipient("a", not_before=at(NOW + 5)), recipient("b"))), NOW)
    assert [flight.delivery.recipient.id for flight in answered(pipeline)] == ["b"]
    assert len(answered(pipeline, now=NOW + 5)) == 1


@pytest.mark.parametrize(
    ("said", "age", "ttl"),
    [
        ({"ttl": 100}, 0, "100"),
        ({"ttl": 100}, 30.5, "69"),
        ({"ttl": 100, "not_after": at(NOW + 50)}, 30, "20"),
        ({"ttl": 0}, 0, "0"),
        ({"ttl": 10}, FIRST_ATTEMPT_GRACE, "0"),
        ({}, 0, "2419200"),
    ],
)
def test_ttl_is_what_is_left(said, age, ttl):
    pipeline = make_pipeline()
    pipeline.accept(record(job(**said)), NOW)
    (flight,) = pipeline.dispatch(NOW + age, 10)
    assert flight.request.headers["TTL"] == ttl


def test_what_lapses_while_it_waits_for_its_turn_is_not_sent():
    pipeline = make_pipeline()
    pipeline.accept(record(job(not_after=at(NOW + 5))), NOW)
    assert pipeline.dispatch(NOW + 5.1, 10) == []
    assert outcomes(published(pipeline))[0]["status"] == "lapsed"


# ── trying again ────────────────────────────────────────────────────────────────────────────────────────


def test_a_short_back_off_is_waited_for_in_memory():
    pipeline = make_pipeline(entropy=FixedEntropy(jitter=0.1))
    pipeline.accept(record(GOOD), NOW)
    answered(pipeline, BUSY)
    assert pipeline.unacknowledged == 0
    assert pipeline.next_due == NOW + 3
    answered(pipeline, now=NOW + 3)
    assert outcomes(published(pipeline))[0]["attempts"] == 2


@pytest.mark.parametrize(("wait", "topic"), [("100", "later.1m"), (3700, "later.1h"), ("16", "later.10s")])
def test_retry_after_is_waited_for_in_a_tier(wait, topic):
    pipeline = make_pipeline(entropy=FixedEntropy(jitter=0.0))
    pipeline.accept(record(job(ttl=86_400)), NOW - 5)
    answered(pipeline, PushResponse(429, {"retry-after": str(wait)}), NOW + 5)
    (value,) = later(published(pipeline), topic)
    (person,) = value["recipients"]
    assert person["attempts"] == 1
    assert person["due_at"] == at(NOW).replace("+00:00", "Z")
    assert person["not_before"] == at(NOW + 5 + float(wait)).replace("+00:00", "Z")


def test_what_comes_back_from_a_tier_goes_on_where_it_was():
    pipeline = make_pipeline(LATER, attempts=3)
    person = recipient("a", attempts=2, due_at=at(NOW), not_before=at(NOW + 5))
    value = job(person, ttl=100, start_at=at(NOW), stretch_time=0, lane="normal")
    pipeline.accept(record(value, LATER), NOW)
    assert pipeline.dispatch(NOW + 4.9, 10) == []
    (flight,) = answered(pipeline, BUSY, NOW + 5)
    assert flight.request.headers["TTL"] == "95"
    (outcome,) = outcomes(published(pipeline))
    assert (outcome["status"], outcome["attempts"]) == ("failed", 3)


def test_the_lane_survives_a_tier():
    pipeline = make_pipeline(URGENT)
    pipeline.accept(record(job(start_at=at(NOW + 20)), URGENT), NOW)
    (value,) = later(published(pipeline))
    assert value["lane"] == "urgent"
    pipeline = make_pipeline(JOBS, LATER)
    pipeline.accept(record(job(recipient("first"))), NOW + 20)
    pipeline.accept(record(value, LATER), NOW + 20)
    assert [flight.delivery.recipient.id for flight in pipeline.dispatch(NOW + 20, 10)] == ["sub_1", "first"]


# ── bounds ──────────────────────────────────────────────────────────────────────────────────────────────


def fill(pipeline, partition=JOBS, size=1000, **fields):
    """Accept records as long as there is room; returns how many were."""
    count = 0
    while pipeline.has_room(partition):
        value = job(*people(size), job_id=f"job-{count}", **fields)
        pipeline.accept(record(value, partition, count), NOW)
        count += 1
        assert count < 1000
    return count


def test_the_buffer_is_bounded_and_a_part_is_the_urgent_lanes():
    pipeline = make_pipeline(buffered=10_000)
    assert fill(pipeline, site_id="a", start_at=at(NOW + 5)) >= 5
    assert 4000 <= pipeline.buffered <= 9_000


def test_the_reserve_is_for_urgent_records_out_of_a_tier_too():
    pipeline = make_pipeline(JOBS, LATER, buffered=4000)
    for offset in range(3):
        pipeline.accept(record(job(*people(900), site_id=f"s{offset}"), offset=offset), NOW)
    assert not pipeline.has_room(LATER, urgent=False)
    assert pipeline.has_room(LATER, urgent=True)


def test_a_site_that_holds_half_of_the_buffer_hands_its_surplus_on():
    pipeline = make_pipeline(buffered=4000)
    pipeline.accept(record(job(*people(900), site_id="small")), NOW)
    for offset in range(1, 4):
        pipeline.accept(record(job(*people(800), site_id="big"), offset=offset), NOW)
    assert pipeline.buffered == 900 + 2000
    topics = published(pipeline)
    assert sum(len(value["recipients"]) for value in later(topics)) == 400
    assert all(set(person) == {"id", "subscription", "attempts"} for person in later(topics)[0]["recipients"])


def test_intake_waits_for_the_checkpoint():
    pipeline = make_pipeline()
    for offset in range(CHECKPOINT_MAX // 1000):
        assert pipeline.has_room(JOBS)
        pipeline.accept(record(job(*people(1000), start_at=at(NOW + 100)), offset=offset), NOW)
    assert pipeline.unacknowledged == CHECKPOINT_MAX
    assert not pipeline.has_room(JOBS)
    pipeline.acknowledge(pipeline.checkpoint(NOW))
    assert pipeline.has_room(JOBS)


def test_sending_waits_for_the_checkpoint():
    pipeline = make_pipeline(in_flight=CHECKPOINT_MAX * 2)
    for offset in range(8):
        pipeline.accept(record(job(*people(1000), site_id=f"s{offset}"), offset=offset), NOW)
    flights = pipeline.dispatch(NOW, 100_000)
    assert len(flights) == CHECKPOINT_MAX
    land(pipeline, [(flight, OK) for flight in flights[:3000]], NOW)
    assert pipeline.dispatch(NOW, 100_000) == []
    pipeline.acknowledge(pipeline.checkpoint(NOW))
    assert len(pipeline.dispatch(NOW, 100_000)) == 3000


def test_a_partition_has_no_room_beyond_what_its_map_can_hold():
    pipeline = make_pipeline()
    assert fill(pipeline, start_at=at(NOW + 5)) == OPEN_MAX // 1000
    assert pipeline.has_room(URGENT)


def test_slots_are_the_limit_of_what_is_in_flight():
    pipeline = make_pipeline(in_flight=8)
    pipeline.accept(record(job(*people(20), *people(20, "a", service="apple"))), NOW)
    assert len(pipeline.dispatch(NOW, 3)) == 3
    assert len(pipeline.dispatch(NOW, 100)) == 5
    assert (pipeline.dispatch(NOW, 100), pipeline.in_flight) == ([], 8)


def test_a_crowded_partition_hands_on_what_waits_and_goes_on():
    # Half of very many small records are tried again soon: the map of the others outgrows the metadata.
    dice = random.Random(3)
    pipeline = make_pipeline(entropy=FixedEntropy(jitter=0.3))
    commits, handed_on = [Commit(0, "")], 0
    for offset in range(21_000):
        pipeline.accept(record(job(recipient("a"), payload=""), offset=offset), NOW)
        for flight in pipeline.dispatch(NOW, 10):
            pipeline.land([flight], dice.choice([OK, PushResponse(500)]), NOW)
        if offset % 1000 == 999:
            batch = pipeline.checkpoint(NOW)
            commits.append(batch.checkpoint.commits[JOBS])
            handed_on += sum(each.topic == "later.10s" for each in batch.publications)
            pipeline.acknowledge(batch)
    assert all(len(commit.metadata) <= METADATA_MAX_CHARS for commit in commits)
    assert commits == sorted(commits, key=lambda commit: commit.offset)
    assert handed_on > 1000
    assert commits[-1].offset > 5000
    published(pipeline)
    assert pipeline.has_room(JOBS)


# ── what is owned ───────────────────────────────────────────────────────────────────────────────────────


def test_a_recalled_request_is_sent_again_and_costs_no_attempt():
    pipeline = make_pipeline()
    pipeline.accept(record(GOOD), NOW)
    (flight,) = pipeline.dispatch(NOW, 10)
    pipeline.recall(flight, NOW)
    assert (pipeline.in_flight, pipeline.buffered) == (0, 1)
    answered(pipeline)
    assert outcomes(published(pipeline))[0]["attempts"] == 1


def test_a_clean_hand_over_repeats_and_loses_nothing():
    pipeline = make_pipeline(entropy=FixedEntropy(jitter=0.1))
    first = record(job(*people(10)))
    pipeline.accept(first, NOW)
    flights = pipeline.dispatch(NOW, 6)
    for flight in flights[:4]:
        pipeline.land([flight], OK, NOW)
    for flight in flights[4:]:
        pipeline.land([flight], BUSY, NOW)
    pipeline.hand_back(NOW)
    assert pipeline.dispatch(NOW + 100, 10) == []
    batch = pipeline.checkpoint(NOW)
    (tried,) = (json.loads(each.value) for each in batch.publications if each.topic == "later.10s")
    assert [(person["id"], person["attempts"]) for person in tried["recipients"]] == [("r4", 1), ("r5", 1)]
    pipeline.acknowledge(batch)
    assert pipeline.unacknowledged == 0

    successor = make_pipeline()
    successor.assign(JOBS, restored(batch.checkpoint.commits[JOBS]))
    successor.accept(first, NOW)
    assert [flight.delivery.recipient.id for flight in answered(successor)] == ["r6", "r7", "r8", "r9"]


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


@pytest.mark.parametrize("ending", ["answer", "retry", "recall"])
def test_what_was_in_flight_when_its_partition_was_lost_is_let_go(ending):
    registry = CollectorRegistry()
    pipeline = make_pipeline(metrics=Metrics(registry), entropy=FixedEntropy(jitter=0.1))
    pipeline.accept(record(GOOD), NOW)
    (flight,) = pipeline.dispatch(NOW, 10)
    pipeline.forget()
    assert pipeline.partitions == frozenset()
    if ending == "recall":
        pipeline.recall(flight, NOW)
    else:
        pipeline.land([flight], OK if ending == "answer" else BUSY, NOW)
    assert (pipeline.in_flight, pipeline.buffered, pipeline.open) == (0, 0, 0)
    assert pipeline.checkpoint(NOW + INTERVAL) is None
    assert pipeline.dispatch(NOW + 100, 10) == []


def test_records_of_another_workers_partition_are_ignored():
    pipeline = make_pipeline(URGENT)
    pipeline.accept(record(GOOD), NOW)
    pipeline.accept(record(b"{"), NOW)
    assert not pipeline.has_room(JOBS)
    assert (pipeline.open, pipeline.buffered, pipeline.checkpoint(NOW + INTERVAL)) == (0, 0, None)


def test_metrics_tell_what_happened():
    registry = CollectorRegistry()
    pipeline = make_pipeline(metrics=Metrics(registry), entropy=FixedEntropy(jitter=0.1))
    waiting = recipient("waiting", not_before=at(NOW + 5))
    pipeline.accept(record(job(*people(2), waiting, recipient("far", not_before=at(NOW + 20)))), NOW)
    first, second = pipeline.dispatch(NOW + 1, 10)
    pipeline.land([first], PushResponse(201, {"ttl": "60"}), NOW + 1.5)
    pipeline.land([second], TransportFailure.TIMEOUT, NOW + 11)
    pipeline.gauge()

    def value(name, **labels):
        return registry.get_sample_value(f"pushmill_{name}", labels)

    assert value("outcomes_total", status="sent", push_service="fcm") == 1
    assert value("requests_total", push_service="fcm", code="201") == 1
    assert value("requests_total", push_service="fcm", code="timeout") == 1
    assert value("retries_total", push_service="fcm", reason="timeout") == 1
    assert value("deferred_recipients_total", tier="10s", reason="not_due") == 1
    assert value("ttl_lowered_total", push_service="fcm") == 1
    assert value("lateness_seconds_sum", lane="normal") == 2
    assert value("request_duration_seconds_sum", push_service="fcm") == 10.5
    assert value("encrypt_duration_seconds_count") == 2
    assert (value("buffered_recipients"), value("due_recipients")) == (2, 0)
