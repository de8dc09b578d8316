import json

import pytest

from tests.worker.support import NOW, job, job_context
from worker.pipeline.tally import INTERVAL, Tally
from worker.records.outcome import Status
from worker.records.stats import Totals

JOB = job_context(job()).job
OTHER_SITE = job_context(job(site_id="site_b")).job
OTHER_CAMPAIGN = job_context(job(campaign_id="camp_2")).job


def told(tally, now):
    return [json.loads(publication.value) for publication in tally.flush(now)]


def test_what_happened_is_told_as_the_contract_says():
    tally = Tally("pod-0/1", NOW)
    for status, times in {None: 116, Status.SENT: 3, Status.EXPIRED: 1}.items():
        for _ in range(times):
            tally.count(JOB, status)
    (publication,) = tally.flush(NOW + 2)
    assert (publication.topic, publication.key, publication.headers) == ("stats", b"camp_1", ())
    assert json.loads(publication.value) == {
        "v": 1,
        "campaign_id": "camp_1",
        "site_id": "site_a",
        "worker": "pod-0/1",
        "from": "2027-01-15T08:00:00Z",
        "to": "2027-01-15T08:00:02Z",
        "accepted": 120,
        "counts": {"sent": 3, "expired": 1},
    }


def test_campaigns_and_sites_are_counted_apart():
    tally = Tally("w", NOW)
    for count, sent in enumerate((JOB, OTHER_SITE, OTHER_CAMPAIGN), start=1):
        for _ in range(count):
            tally.count(sent, None)
    assert [(each["campaign_id"], each["site_id"], each["accepted"]) for each in told(tally, NOW)] == [
        ("camp_1", "site_a", 1),
        ("camp_1", "site_b", 2),
        ("camp_2", "site_a", 3),
    ]


def test_it_is_due_once_the_interval_is_over_and_there_is_something_to_tell():
    tally = Tally("w", NOW)
    assert not tally.due(NOW + INTERVAL)
    tally.count(JOB, Status.SENT)
    assert not tally.due(NOW + INTERVAL - 0.01)
    assert tally.due(NOW + INTERVAL)


def test_each_count_is_told_once_and_from_where_the_last_record_ended():
    tally = Tally("w", NOW)
    tally.count(JOB, Status.SENT)
    assert [each["counts"] for each in told(tally, NOW + 1)] == [{"sent": 1}]
    assert told(tally, NOW + 1) == []
    tally.count(JOB, Status.FAILED)
    assert not tally.due(NOW + 1.5)
    (second,) = told(tally, NOW + 3)
    assert (second["from"], second["counts"]) == ("2027-01-15T08:00:01Z", {"failed": 1})


def test_what_is_forgotten_is_not_told():
    tally = Tally("w", NOW)
    tally.count(JOB, None)
    tally.clear()
    assert not tally.due(NOW + INTERVAL)
    assert told(tally, NOW + INTERVAL) == []


# ── read again ──────────────────────────────────────────────────────────────────────────────────────────

GOOD = {
    "v": 1,
    "campaign_id": "camp_1",
    "site_id": "site_a",
    "worker": "w",
    "from": "2027-01-15T07:59:50Z",
    "to": "2027-01-15T08:00:00Z",
    "accepted": 5,
    "counts": {"sent": 3, "expired": 1},
}


def read(*values):
    totals = Totals("camp_1", NOW)
    for value in values:
        totals.add(value if isinstance(value, bytes) or value is None else json.dumps(value).encode())
    return totals


def test_records_add_up():
    totals = read(GOOD, GOOD | {"campaign_id": "other"}, GOOD)
    assert (totals.records, totals.accepted, totals.counts) == (2, 10, {"sent": 6, "expired": 2})
    assert (totals.delivery_rate, totals.pace) == (0.75, 8 / 60)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"{",
        b"\xff",
        json.dumps(GOOD).encode()[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        GOOD | {"accepted": -1},
        GOOD | {"counts": {"sent": -4}},
        GOOD | {"counts": {"sent": 2**80}},
        GOOD | {"from": "0001-01-01T00:00:00"},
        GOOD | {"to": "9999-12-31T23:59:59"},
    ],
    ids=["tombstone", "json", "utf-8", "deep", "accepted", "counts", "huge", "from", "to"],
)
def test_what_is_no_record_adds_nothing(value):
    totals = read(value, GOOD)
    assert (totals.records, totals.accepted, totals.delivery_rate) == (1, 5, 0.75)
