"""The door of the path: accept, dispatch, land, checkpoint; its bounds and what it owns."""

import json
import random

import pytest
from prometheus_client import CollectorRegistry

from crypto.aes128gcm import decrypt
from crypto.vapid import verify
from tests.worker.pipeline.support import (
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
from worker.records.envelope import Commit

# ── the path ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("service", HOSTS)
def test_a_notification_arrives_encrypted_and_signed(service):
    shown = {"title": "Hello {{name}}", "url": "https://shop.example/{{recipient_id}}"}
    pipeline = make_pipeline()
    pipeline.accept(record(job(recipient("a", service, variables={"name": "Ada"}), notification=shown)), NOW)
    (flight,) = pipeline.dispatch(NOW, 10)
    request = flight.request
    assert request.endpoint.origin.host == HOSTS[service]
    message = json.loads(decrypt(request.body, RECEIVER))
    assert message["web_push"] == 8030
    assert message["notification"]["title"] == "Hello Ada"
    assert message["notification"]["navigate"] == "https://shop.example/a"
    assert message["notification"]["data"]["pushmill"] == {
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


# ── bounds ──────────────────────────────────────────────────────────────────────────────────────────────


def fill(pipeline, partition=JOBS, size=1000, **fields):
    """Accept records as long as there is room; return how many."""
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
    # Of very many small records, half are tried again soon: the map of the others outgrows the metadata.
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
    pipeline.accept(record(job()), NOW)
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
        pipeline.land([flight], UNAVAILABLE, NOW)
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


@pytest.mark.parametrize("ending", ["answer", "retry", "recall"])
def test_what_was_in_flight_when_its_partition_was_lost_is_let_go(ending):
    registry = CollectorRegistry()
    pipeline = make_pipeline(metrics=Metrics(registry), entropy=FixedEntropy(jitter=0.1))
    pipeline.accept(record(job()), NOW)
    (flight,) = pipeline.dispatch(NOW, 10)
    pipeline.forget()
    assert pipeline.partitions == frozenset()
    if ending == "recall":
        pipeline.recall(flight, NOW)
    else:
        pipeline.land([flight], OK if ending == "answer" else UNAVAILABLE, NOW)
    assert (pipeline.in_flight, pipeline.buffered, pipeline.open) == (0, 0, 0)
    assert pipeline.checkpoint(NOW + INTERVAL) is None
    assert pipeline.dispatch(NOW + 100, 10) == []


def test_records_of_another_workers_partition_are_ignored():
    pipeline = make_pipeline(URGENT)
    pipeline.accept(record(job()), NOW)
    pipeline.accept(record(b"{"), NOW)
    assert not pipeline.has_room(JOBS)
    assert (pipeline.open, pipeline.buffered, pipeline.checkpoint(NOW + INTERVAL)) == (0, 0, None)


def test_what_wns_took_and_dropped_is_sent_with_its_word_and_counted():
    registry = CollectorRegistry()
    pipeline = make_pipeline(metrics=Metrics(registry))
    pipeline.accept(record(job(*people(3, service="wns"))), NOW)
    words = iter(["received", "dropped", "channelthrottled"])
    for flight in pipeline.dispatch(NOW, 10):
        pipeline.land([flight], PushResponse(201, {"x-wns-status": next(words)}), NOW)
    outcomes = [json.loads(each.value)["outcomes"] for each in published(pipeline)["outcomes"]]
    assert [(each["status"], each["detail"]) for batch in outcomes for each in batch] == [
        ("sent", None),
        ("sent", "dropped"),
        ("sent", "channelthrottled"),
    ]
    for word in ("dropped", "channelthrottled"):
        labels = {"push_service": "wns", "detail": word}
        assert registry.get_sample_value("pushmill_accepted_but_dropped_total", labels) == 1


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
