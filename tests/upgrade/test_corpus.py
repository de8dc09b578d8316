"""What 0.1.0 wrote is read as 0.1.0 read it: tiers and commits outlive an update.

The files hold records and commits of small worlds that 0.1.0 ran, with what it made of them itself.
"""

import json
from math import isclose
from pathlib import Path

import pytest

from worker.ledger.progress import decode_progress
from worker.pipeline.intake import take_in
from worker.pipeline.placement import make_deliveries
from worker.push.services import Endpoints
from worker.records.envelope import Partition, Record
from worker.records.job import LaterJob, decode_later
from worker.records.outcome import Status, decode_expired, decode_outcomes
from worker.records.stats import decode_stats
from worker.timing.schedule import ttl_left

CORPUS = Path(__file__).parent / "written_by_0_1_0"


def lines(name):
    return [json.loads(line) for line in (CORPUS / f"{name}.jsonl").read_text().splitlines()]


RECORDS = lines("records")
LATER = [each for each in RECORDS if each["topic"].startswith("later.")]


def of_topic(topic):
    return [each["value"].encode() for each in RECORDS if each["topic"] == topic]


def test_the_corpus_holds_every_kind():
    topics = {each["topic"] for each in RECORDS}
    assert topics >= {"later.10s", "later.1m", "later.10m", "later.1h", "outcomes", "expired", "stats"}
    assert any("notification" in json.loads(each["value"]) for each in LATER)
    assert any(each["headers"] for each in LATER)
    assert {each["read"][0]["urgent"] for each in LATER} == {True, False}
    assert any(person["attempts"] for each in LATER for person in each["read"])


class Entry:
    """Nothing of the record has settled."""

    def __init__(self, size):
        self.unsettled = range(size)


@pytest.mark.parametrize("written", LATER, ids=range(len(LATER)))
def test_a_waiting_record_goes_out_at_the_same_time_with_the_same_text(written):
    headers = tuple((name, value.encode()) for name, value in written["headers"])
    value = written["value"].encode()
    record = Record(Partition(written["topic"], 0), 0, 5.0, b"key", value, headers)
    taken = take_in(record, 999.0)
    assert isinstance(decode_later(value).job, LaterJob)
    deliveries, unsendable = make_deliveries(taken, Entry(len(taken.recipients)), Endpoints(), 0.0)
    assert not unsendable
    assert taken.job.headers == headers
    for found, expected in zip(deliveries, written["read"], strict=False):
        assert (found.recipient.id, found.attempts) == (expected["id"], expected["attempts"])
        assert (found.due, found.next, found.lapses) == (
            expected["due"],
            expected["next"],
            expected["lapses"],
        )
        assert (found.job.lane == "urgent") == expected["urgent"]
        assert taken.job.message.render(found.recipient).decode() == expected["text"]
        ttl = ttl_left(taken.job.plan, found.due, found.next)
        assert isclose(ttl, min(expected["ttl"], 28 * 86_400), abs_tol=1)


@pytest.mark.parametrize("written", lines("commits"), ids=lambda each: each["metadata"][:20])
def test_a_commit_tells_the_same_recipients(written):
    progress = decode_progress(written["offset"], written["metadata"])
    assert progress.low == written["offset"]
    assert [list(each) for each in progress.done] == written["done"]
    partial = {str(offset): [each.size, each.settled] for offset, each in progress.partial.items()}
    assert partial == written["partial"]


def test_readers_of_this_version_read_what_that_one_wrote():
    outcomes = [outcome for value in of_topic("outcomes") for outcome in decode_outcomes(value).outcomes]
    assert {outcome.status for outcome in outcomes} <= set(Status)
    assert len({outcome.status for outcome in outcomes}) > 5
    assert all(decode_expired(value).endpoint for value in of_topic("expired"))
    assert all(decode_stats(value).campaign_id for value in of_topic("stats"))
