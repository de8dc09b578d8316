from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.events import (
    BrowserEvent,
    EventKind,
    EventRecord,
    decode_event,
    event_record,
    read_events,
)
from campaigns.model.ids import LaunchId
from campaigns.model.problems import InvalidError
from tests.campaigns.anything import attempt, nearly
from worker.records.values import RecordError, encode_json

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
NOW = START + timedelta(days=1)
CLICK = {"t": "x" * 34, "kind": "clicked", "button": 1, "at": "2026-11-21T10:00:00Z"}


def body(*events):
    return encode_json({"events": [*events]})


def test_a_report_is_read():
    shown = {"t": "y", "kind": "shown", "at": "2026-11-21T10:00:00+01:00", "more": 1}
    first, second = read_events(body(CLICK, shown))
    assert (first.t, first.kind, first.button) == ("x" * 34, EventKind.CLICKED, 1)
    assert (second.kind, second.button, second.at) == (EventKind.SHOWN, None, START)
    assert read_events(body()) == []


@pytest.mark.parametrize(
    ("sent", "field", "problem"),
    [
        (b"", "", "not JSON"),
        (b"\xff", "", "not JSON"),
        (b"[]", "", "expected"),
        (b"{}", "events", "missing"),
        (body({**CLICK, "kind": "opened"}), "events[0].kind", "allowed"),
        (body({**CLICK, "button": 2}), "events[0].button", "allowed"),
        (body({**CLICK, "at": "2026-11-21T10:00:00"}), "events[0].at", "timezone"),
        (body({**CLICK, "at": 7}), "events[0].at", "expected"),
        (body({**CLICK, "kind": "shown"}), "events[0].button", "null"),
        (body(*[CLICK] * 51), "events", "more than 50"),
        (body({**CLICK, "t": "x" * 17_000}), "", "16,384"),
    ],
)
def test_anything_else_is_refused_by_field(sent, field, problem):
    with pytest.raises(InvalidError) as raised:
        read_events(sent)
    [found] = raised.value.problems
    assert found.field == field
    assert problem in found.problem


def record(at):
    event = BrowserEvent("t", EventKind.CLICKED, at, 0)
    return event_record(
        event, site=7, launch=LaunchId(9, "abcdefgh"), subscriber=5, started_at=START, received_at=NOW
    )


def test_a_record_on_the_wire():
    assert encode_json(record(START)) == (
        b'{"v":1,"site_id":"site_7","launch_id":"launch_9_abcdefgh","subscriber_id":"sub_5","kind":"clicked",'
        b'"button":0,"at":"2026-11-21T09:00:00Z","received_at":"2026-11-22T09:00:00Z"}'
    )


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_browsers_clock_is_believed_between_the_start_and_now(at):
    made = record(at)
    assert START <= made.at <= NOW
    assert made.at == at or not START <= at <= NOW
    assert decode_event(encode_json(made)) == made


def test_what_is_no_record_is_refused():
    assert isinstance(decode_event(encode_json(record(START))), EventRecord)
    with pytest.raises(RecordError, match="v: "):
        decode_event(b'{"v":2}')


def test_no_token_is_shown():
    assert "secret" not in repr(BrowserEvent("secret", EventKind.SHOWN, START))


NAMES = st.sampled_from(["events", "t", "kind", "button", "at"])


@given(st.binary(max_size=50) | st.lists(nearly(CLICK, NAMES), max_size=3).map(lambda events: body(*events)))
def test_whatever_it_is_it_is_a_report_or_a_problem(sent):
    events, _ = attempt(read_events, sent)
    assert all(isinstance(each, BrowserEvent) for each in events or ())
