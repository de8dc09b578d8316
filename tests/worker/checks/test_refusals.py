"""Every reason for which a record would be a dead letter, found at once."""

import json
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.checks.support import EVERYTHING, found
from tests.worker.support import job, recipient
from worker.records.job import RECIPIENTS_MAX, decode_job
from worker.records.values import RecordError


def fields(value):
    return {field for _, field in found(value)}


def test_all_at_once():
    notification = {
        **EVERYTHING,
        "title": 5,
        "dir": "up",
        "actions": [{"action": "a", "title": 1, "url": "https://a/"}, 7],
    }
    value = job(
        *(recipient(f"r {n}") for n in range(3)), recipient("ok"), job_id="a b", ttl=-1, urgency="now"
    )
    value |= {"notification": notification, "slice": {"first": -1, "total": 0}, "topic": "x" * 33, "tll": 5}
    del value["site_id"]
    told = found(value)
    assert {field for _, field in told} == {
        *("job_id", "site_id", "ttl", "urgency", "topic", "tll", "slice.first", "slice.total"),
        *("notification.title", "notification.dir"),
        *("notification.actions[0].title", "notification.actions[1]"),
        "recipients[0].id",
    }  # fmt: skip
    assert told["error", "recipients[0].id"].endswith("(and 2 more like it)")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"payload": "x"}, {"notification"}),
        ({"payload": "x", "ttl": "x"}, {"notification", "ttl"}),
        ({"notification": None, "ttl": "x"}, {"notification", "ttl"}),
        ({"notification": "x", "ttl": "x"}, {"notification", "ttl"}),
        ({"recipients": [], "ttl": "x"}, {"recipients", "ttl"}),
        ({"recipients": "x", "ttl": "x"}, {"recipients", "ttl"}),
        ({"recipients": [7, {"id": "x"}], "ttl": "x"}, {"recipients[0]", "ttl"}),
        ({"v": 2, "ttl": "x"}, {"v"}),
        ({"v": "1", "ttl": "x"}, {"v"}),
        ({"slice": {"first": 5, "total": 5}, "ttl": "x"}, {"slice.total", "ttl"}),
        (
            {"notification": {**EVERYTHING, "tag": "", "renotify": True}, "ttl": "x"},
            {"notification.renotify", "ttl"},
        ),
    ],
)
def test_one_error_does_not_hide_another_or_make_one_up(change, expected):
    assert fields(job() | change) == expected


def test_too_many_recipients_are_one_error():
    assert fields(job(*[recipient("a b")] * (RECIPIENTS_MAX + 1))) == {"recipients"}


def test_a_job_that_is_serialized_twice():
    assert "serialized twice" in found(json.dumps(json.dumps(job())).encode())["error", "value"]


RIGHT = job(
    recipient("a"),
    recipient("b"),
    notification=EVERYTHING,
    ttl=5,
    urgency="low",
    topic="t",
    slice={"first": 0, "total": 9},
)
WRONG = [5.5, "", "a b", [], {}, [[]], -1, "x" * 200, {"title": 1}]


def places(tree):
    for name, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield tree, name
        if isinstance(item, dict | list):
            yield from places(item)


@given(st.data())
def test_the_first_reason_of_the_decoder_is_always_among_them(data):
    value = deepcopy(RIGHT)
    for _ in range(data.draw(st.integers(1, 4))):
        holder, name = data.draw(st.sampled_from([*places(value)]))
        holder[name] = deepcopy(data.draw(st.sampled_from(WRONG)))  # it may be changed next
    wire = json.dumps(value).encode()
    first = None
    try:
        decode_job(wire)
    except RecordError as refusal:
        first = refusal.problem.partition(": ")[0]
    assert first is None or first in fields(wire)
