import json
from datetime import UTC, datetime
from math import inf

import pytest
from msgspec.structs import replace

from tests.worker.support import JOBS, NOW, URGENT, job, recipient, record
from worker.pipeline.intake import HEADERS_MAX_BYTES, dated, take_in
from worker.records.envelope import Partition
from worker.records.job import RECIPIENT_MAX_BYTES, Lane, LaterJob
from worker.records.recipient import Unreadable
from worker.records.topics import TIERS
from worker.records.values import RecordError, encode_json

LATER = [Partition(tier.topic, 0) for tier in TIERS]
START = datetime.fromtimestamp(NOW + 7, UTC).isoformat()


def taken(value, partition=JOBS, **fields):
    return take_in(record(value, partition, **fields), 30.0)


def flaws(found):
    return {i: each.flaw for i, each in enumerate(found.recipients) if isinstance(each, Unreadable)}


def later(**fields):
    written_out = {"start_at": START, "stretch_time": 0, "ttl": 60, "lane": "urgent"}
    return job(recipient("a", attempts=1), **written_out | fields)


def test_a_job_brings_its_plan_message_lane_and_headers():
    found = taken(job(ttl=60), headers=(("traceparent", b"1"),), timestamp=NOW + 3)
    context = found.job
    assert (context.plan.start, context.plan.stretch, context.plan.ttl) == (NOW + 3, 30.0, 60)
    assert context.lane is Lane.NORMAL
    assert context.headers == (("traceparent", b"1"),)
    assert context.message.fits
    assert flaws(found) == {}


def test_a_job_says_itself_when_it_starts_and_over_what_it_is_spread():
    context = taken(job(start_at=START, stretch_time=5), timestamp=NOW + 3).job
    assert (context.plan.start, context.plan.stretch) == (NOW + 7, 5.0)


def test_the_lane_is_the_topics():
    assert taken(job(), URGENT).job.lane is Lane.URGENT
    assert taken(job(lane="urgent")).job.lane is Lane.NORMAL


@pytest.mark.parametrize("partition", LATER)
@pytest.mark.parametrize("lane", Lane)
def test_out_of_a_tier_the_lane_is_the_records(partition, lane):
    context = taken(later(lane=lane.value), partition, timestamp=NOW + 100).job
    assert isinstance(context.job, LaterJob)
    assert context.lane is lane
    assert (context.plan.start, context.plan.stretch) == (NOW + 7, 0.0)


@pytest.mark.parametrize("lane", Lane)
def test_a_record_of_a_tier_says_its_lane_without_being_read(lane):
    fields = {"notification": {"title": "t", "url": "https://a.example/", "data": {"lane": "urgent"}}}
    job = taken(later(lane=lane.value, slice={"first": 0, "total": 9}, **fields), LATER[0]).job.job
    written = encode_json(job)
    assert record(written, LATER[0]).urgent is (lane is Lane.URGENT)
    assert record(written, JOBS).urgent is False
    assert record(written, URGENT).urgent is True


def test_a_tombstone_is_urgent_by_its_topic_alone():
    assert [record(None, place).urgent for place in (JOBS, URGENT, LATER[0])] == [False, True, False]


def test_what_is_wrong_with_a_recipient_is_told_by_its_index():
    bad = {"id": "b", "subscription": {"endpoint": "https://fcm.googleapis.com/x"}}
    found = taken(job(recipient("a"), bad, recipient("c")))
    assert flaws(found) == {1: "bad_subscription"}
    assert [each.id for each in found.recipients] == ["a", "b", "c"]


def test_a_recipient_that_waits_keeps_no_other_in_memory():
    found = taken(job(recipient("a"), recipient("b")))
    assert found.job.job.recipients == []


def test_a_recipient_that_no_record_of_a_tier_should_hold_costs_only_itself():
    people = [recipient("a"), recipient("b", variables={"x": "y" * RECIPIENT_MAX_BYTES}), recipient("c")]
    assert flaws(taken(job(*people))) == {1: "recipient_too_large"}


def test_numbers_that_are_written_short_and_come_out_long_count_as_they_come_out():
    people = [recipient("a", variables={f"{n:04}": 9 for n in range(9000)})]
    people.append(recipient("b", variables={"x": "y" * 60_000}))
    value = json.dumps(job(*people)).replace(": 9", ":1e15").encode()
    assert flaws(taken(value)) == {0: "recipient_too_large"}


def test_a_recipient_that_cannot_be_read_is_told_as_that_however_large():
    bad = {"id": "b", "subscription": "x" * RECIPIENT_MAX_BYTES}
    assert flaws(taken(job(recipient("a"), bad))) == {1: "bad_subscription"}


@pytest.mark.parametrize("partition", [JOBS, LATER[0]])
def test_a_header_may_be_null(partition):
    headers = (("spanId", None), ("traceparent", b"00-1"))
    value = later() if partition in LATER else job()
    assert taken(value, partition, headers=headers).job.headers == headers


@pytest.mark.parametrize("partition", [JOBS, LATER[0]])
def test_headers_that_would_be_written_again_and_again_are_bounded(partition):
    value = later() if partition in LATER else job()
    half = b"x" * (HEADERS_MAX_BYTES // 2 - 1)
    context = taken(value, partition, headers=(("a", half), ("b", half))).job
    assert len(context.headers) == 2
    with pytest.raises(RecordError, match=r"headers: are larger than 65536 bytes") as caught:
        taken(value, partition, headers=(("a", half), ("b", half), ("c", b"")))
    assert caught.value.code == "bad_field"


@pytest.mark.parametrize(
    ("value", "partition", "name"),
    [
        (None, JOBS, "value"),
        (b"{", JOBS, "value"),
        (job(site_id=""), JOBS, "site_id"),
        (job(slice={"first": 5, "total": 5}), JOBS, "slice.total"),
        (job(), LATER[0], "recipients[0].attempts"),
    ],
)
def test_what_is_no_job_is_refused_by_its_field(value, partition, name):
    with pytest.raises(RecordError) as caught:
        taken(value, partition)
    assert caught.value.problem.startswith(f"{name}:")


# ── clocks ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("timestamp", [NOW / 1000, 0.0, -0.001, NOW * 1000, NOW + 301])
def test_a_timestamp_that_cannot_be_counts_as_now(timestamp):
    given = record(job(), timestamp=timestamp, headers=(("a", b"1"),))
    found, wrong = dated(given, NOW)
    assert wrong
    assert found == replace(given, timestamp=NOW, came_at=NOW)


@pytest.mark.parametrize("timestamp", [NOW, NOW + 299, NOW - 90, NOW - 7 * 86_400])
def test_a_timestamp_that_can_be_is_kept(timestamp):
    given = replace(record(job(), timestamp=timestamp), came_at=NOW - 5)
    assert dated(given, NOW) == (given, None)


@pytest.mark.parametrize(("came_at", "known"), [(inf, NOW), (NOW + 1, NOW), (NOW, NOW), (NOW - 9, NOW - 9)])
def test_no_job_came_after_it_was_accepted(came_at, known):
    found, _ = dated(replace(record(job()), came_at=came_at), NOW)
    assert take_in(found, 0.0).job.came_at == known


def test_a_record_of_a_tier_has_been_here_all_along():
    found, _ = dated(record(later(), LATER[0]), NOW)
    assert take_in(found, 0.0).job.came_at == -inf
