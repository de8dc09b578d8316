"""Readers of outcomes, expired subscriptions and statistics, whichever version of the worker wrote them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.records.outcome import (
    Expired,
    Outcome,
    OutcomeBatch,
    ReadOutcome,
    Status,
    decode_expired,
    decode_outcomes,
)
from worker.records.stats import CampaignStats, decode_stats
from worker.records.values import RecordError, encode_json

EXAMPLES = Path(__file__).parents[3] / "schemas/examples"
BATCH, EXPIRED, STATS = (
    json.loads((EXAMPLES / f"{name}.json").read_text())
    for name in ("outcome-batch", "expired", "campaign-stats")
)
AT = datetime(2026, 11, 21, 9, 0, 30, 104_000, tzinfo=UTC)
DECODERS = (decode_outcomes, decode_expired, decode_stats)


def outcome(**fields):
    return BATCH | {"outcomes": [BATCH["outcomes"][0], BATCH["outcomes"][1] | fields]}


def without(value, name):
    return {each: value[each] for each in value if each != name}


def read(decode, value):
    return decode(json.dumps(value).encode())


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_of_outcomes_is_read():
    batch = read(decode_outcomes, BATCH)
    assert (batch.v, batch.job_id, batch.campaign_id) == (1, "01JD2Q8W6V5M", "camp_1")
    assert (batch.site_id, batch.worker) == ("site_a", "pushmill-0/1")
    common = {"at": AT}
    sent = {"attempts": 1, "http_status": 201, "push_service": "fcm", "detail": None, "number": 207}
    refused = {"attempts": 0, "http_status": None, "push_service": None, "detail": "endpoint_not_allowed"}
    refused["number"] = 208
    assert batch.outcomes == [
        ReadOutcome(recipient_id="sub_1", status=Status.SENT, **common, **sent),
        ReadOutcome(recipient_id="sub_2", status=Status.INVALID, **common, **refused),
    ]
    assert batch.outcomes[0].status is Status.SENT


def test_the_example_of_expired_is_read():
    at = datetime(2026, 11, 21, 9, 0, 31, tzinfo=UTC)
    assert read(decode_expired, EXPIRED) == Expired(1, "sub_3", "site_a", EXPIRED["endpoint"], 410, at)


def test_the_example_of_statistics_is_read():
    stats = read(decode_stats, STATS)
    assert (stats.campaign_id, stats.accepted, stats.counts) == ("camp_1", 100, {"sent": 120, "expired": 3})
    assert (stats.until - stats.since).total_seconds() == 1


def test_a_status_that_is_not_known_is_kept_as_text():
    known, unknown = read(decode_outcomes, outcome(status="delivered")).outcomes
    assert known.status is Status.SENT
    assert (unknown.status, type(unknown.status)) == ("delivered", str)
    assert read(decode_stats, STATS | {"counts": {"delivered": 2}}).counts == {"delivered": 2}


@pytest.mark.parametrize("status", Status)
def test_every_status_that_is_known_is_one(status):
    assert read(decode_outcomes, outcome(status=status.value)).outcomes[1].status is status


def test_outcomes_without_numbers_are_read_as_0_1_0_wrote_them():
    old = BATCH | {"outcomes": [without(each, "number") for each in BATCH["outcomes"]]}
    assert [each.number for each in read(decode_outcomes, old).outcomes] == [None, None]
    assert [each.number for each in read(decode_outcomes, outcome(number=None)).outcomes] == [207, None]


def test_fields_that_are_not_known_are_ignored():
    assert read(decode_outcomes, outcome(region="eu") | {"new": [1]}) == read(decode_outcomes, BATCH)
    assert read(decode_expired, EXPIRED | {"new": {}}) == read(decode_expired, EXPIRED)
    assert read(decode_stats, STATS | {"new": None}) == read(decode_stats, STATS)


# ── what is not ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("decode", "value", "name"),
    [
        *((decode_outcomes, without(BATCH, name), name) for name in BATCH),
        *((decode_expired, without(EXPIRED, name), name) for name in EXPIRED),
        *((decode_stats, without(STATS, name), name) for name in STATS),
        *(
            (
                decode_outcomes,
                BATCH | {"outcomes": [without(BATCH["outcomes"][0], name)]},
                f"outcomes[0].{name}",
            )
            for name in BATCH["outcomes"][0]
            if name != "number"
        ),
    ],
)
def test_a_field_that_is_missing_is_named(decode, value, name):
    with pytest.raises(RecordError, match=r"is missing$") as caught:
        read(decode, value)
    assert (caught.value.code, caught.value.problem) == ("bad_field", f"{name}: is missing")


@pytest.mark.parametrize(
    ("decode", "value", "name"),
    [
        (decode_outcomes, BATCH | {"v": "1"}, "v"),
        (decode_outcomes, BATCH | {"job_id": 1}, "job_id"),
        (decode_outcomes, BATCH | {"outcomes": {}}, "outcomes"),
        (decode_outcomes, outcome(status=7), "outcomes[1].status"),
        (decode_outcomes, outcome(status=None), "outcomes[1].status"),
        (decode_outcomes, outcome(at="2026-11-21T09:00:00"), "outcomes[1].at"),
        (decode_outcomes, outcome(http_status="201"), "outcomes[1].http_status"),
        (decode_outcomes, outcome(number="208"), "outcomes[1].number"),
        (decode_expired, EXPIRED | {"endpoint": None}, "endpoint"),
        (decode_expired, EXPIRED | {"at": "2026-11-21T09:00:00"}, "at"),
        (decode_stats, STATS | {"from": 5}, "from"),
        (decode_stats, STATS | {"counts": {"sent": -1}}, "counts[...]"),
    ],
)
def test_a_field_that_is_wrong_is_named(decode, value, name):
    with pytest.raises(RecordError) as caught:
        read(decode, value)
    assert caught.value.code == "bad_field"
    assert caught.value.problem.startswith(f"{name}: ")


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"null"])
def test_what_is_no_such_record_is_refused(decode, value):
    with pytest.raises(RecordError, match=r"^value: "):
        decode(value)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(value):
    for decode in DECODERS:
        with pytest.raises(RecordError):
            decode(value)


# ── there and back ──────────────────────────────────────────────────────────────────────────────────────

moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
counts = st.integers(0, 2**53 - 1)
outcomes = st.builds(
    Outcome,
    recipient_id=st.text(),
    status=st.sampled_from(Status),
    at=moments,
    attempts=counts,
    http_status=st.none() | st.integers(200, 599),
    push_service=st.none() | st.text(),
    detail=st.none() | st.text(),
    number=st.none() | counts,
)
batches = st.builds(
    OutcomeBatch, st.just(1), st.text(), st.text(), st.text(), st.text(), st.lists(outcomes, max_size=4)
)


def fields(value):
    return {name: getattr(value, name) for name in Outcome.__struct_fields__}


@given(batches)
def test_what_the_worker_writes_is_what_a_reader_reads(written):
    batch = decode_outcomes(encode_json(written))
    names = ("v", "job_id", "campaign_id", "site_id", "worker")
    assert [getattr(batch, name) for name in names] == [getattr(written, name) for name in names]
    assert [fields(each) for each in batch.outcomes] == [fields(each) for each in written.outcomes]


@given(st.builds(Expired, st.just(1), st.text(), st.text(), st.text(), st.none() | counts, moments))
def test_what_the_worker_writes_of_an_expired_subscription_is_read_as_it_was(written):
    assert decode_expired(encode_json(written)) == written


@given(
    st.builds(
        CampaignStats,
        v=st.just(1),
        campaign_id=st.text(),
        site_id=st.text(),
        worker=st.text(),
        since=moments,
        until=moments,
        accepted=counts,
        counts=st.dictionaries(st.text(), counts, max_size=3),
    )
)
def test_what_the_worker_counts_is_read_as_it_was(written):
    assert decode_stats(encode_json(written)) == written
