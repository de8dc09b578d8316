"""Dead letters read back, and the records that they were made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.support import job, record
from worker.records.dead_letter import DEAD_LETTER_KEPT_BYTES, cut, dead_letter
from worker.records.envelope import Partition
from worker.records.letter import REPLAYED_TO, Ids, Position, Selection, read_ids, read_letter
from worker.records.values import RecordError, encode_json

AT = Position(1, 12)
headers = st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=4).map(tuple)
topics = st.sampled_from(REPLAYED_TO)


def letter_of(publication, at=AT, moment=5.0):
    return read_letter(at, moment, publication.key, publication.value, publication.headers)


@given(topics, st.integers(0, 2**62), st.none() | st.binary(), st.none() | st.binary(), headers)
def test_a_replayed_record_is_the_record(topic, offset, key, value, own):
    source = record(value, Partition(topic, 7), offset, key=key, headers=own)
    letter = letter_of(dead_letter(source, RecordError("bad_json", "value: x"), "p."))
    again = letter.replay("p.")
    assert (again.topic, again.key, again.value, again.headers) == (topic, key, value, own)
    assert (letter.code, letter.error) == ("bad_json", "value: x")
    assert (letter.source_topic, letter.source_partition, letter.source_offset) == (
        f"p.{topic}",
        7,
        offset,
    )


@pytest.mark.parametrize("name", ["error-code", "error", "source-topic", "truncated-from-bytes"])
def test_a_record_that_has_our_headers_itself_is_replayed_without_them(name):
    source = record(b"{}", headers=(("own", b"1"), (name, b"7")))
    letter = letter_of(dead_letter(source, RecordError("bad_field", "v: is missing"), "p."))
    assert letter.code == "bad_field"
    assert letter.replay("p.").headers == (("own", b"1"),)


def test_a_letter_that_was_cut_is_never_replayed():
    source = record(b"x" * (DEAD_LETTER_KEPT_BYTES + 1))
    letter = letter_of(cut(dead_letter(source, RecordError("bad_json", "value: x"), "p.")))
    assert letter.truncated_from == DEAD_LETTER_KEPT_BYTES + 1
    assert letter.replay("p.") is None


@pytest.mark.parametrize("size", [b"many", b"", None, b"-1"])
def test_a_cut_that_does_not_say_from_what_is_one_all_the_same(size):
    own = (("source-topic", b"p.jobs"), ("truncated-from-bytes", size))
    assert read_letter(AT, 0.0, None, b"{}", own).replay("p.") is None


@pytest.mark.parametrize(
    "topic", [b"", b"jobs", b"q.jobs", b"p.outcomes", b"p.dead-letters", b"p.", b"\xff", None]
)
def test_what_no_worker_has_read_is_not_replayed(topic):
    assert read_letter(AT, 0.0, None, b"{}", (("source-topic", topic),)).replay("p.") is None


def test_without_a_prefix():
    assert read_letter(AT, 0.0, None, b"{}", (("source-topic", b"later.1h"),)).replay("").topic == "later.1h"


@given(st.none() | st.binary(max_size=50), headers)
def test_any_record_is_a_letter(value, own):
    letter = read_letter(AT, 0.0, None, value, own)
    assert letter.headers == own
    assert repr(letter) == "Letter(1:12)"


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (encode_json(job()), Ids("camp_1", "job_1")),
        (b'{"v": 2, "campaign_id": "c", "job_id": "j"}', Ids("c", "j")),
        (b'{"campaign_id": 5, "job_id": "j"}', Ids(None, "j")),
        (b'{"campaign_id": "a b", "job_id": ["j"]}', Ids()),
        (b'{"campaign_id": "c", "data": {"job_id": "j"}}', Ids("c", None)),
        (b'{"campaign_id" : "c", "job_id": "j", }', Ids("c", "j")),
        (b'{"campaign_id": "c", "job_id": "j\xff"', Ids("c", None)),
        (b'\x00\x00\x00\x00\x01{"campaign_id": "c"}', Ids("c", None)),
        (b"[]", Ids()),
        (b"", Ids()),
        (b"[" * 100_000, Ids()),
    ],
)
def test_the_ids_of_a_job_that_may_be_broken(value, ids):
    assert read_ids(value) == ids


def letter(code="bad_json", moment=100.0, campaign="c"):
    value = b'{"campaign_id": "%s"' % campaign.encode()
    return read_letter(AT, moment, None, value, (("error-code", code.encode()),))


@pytest.mark.parametrize(
    ("selection", "admits"),
    [
        (Selection(), True),
        (Selection(codes=["bad_field"]), False),
        (Selection(codes=["bad_field", "bad_json"]), True),
        (Selection(since=100.0), True),
        (Selection(since=100.1), False),
        (Selection(until=100.0), False),
        (Selection(until=100.1), True),
        (Selection(campaign="c"), True),
        (Selection(campaign="d"), False),
        (Selection(codes=["bad_json"], since=1.0, until=200.0, campaign="c"), True),
        (Selection(codes=["bad_json"], since=1.0, until=200.0, campaign="d"), False),
    ],
)
def test_which_letters_are_meant(selection, admits):
    assert selection.admits(letter()) is admits


def test_positions_read_as_they_are_written():
    assert str(Position(0, 12)) == "0:12"
