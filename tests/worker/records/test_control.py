import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.records.control import CampaignControl, Campaigns, Control, State, decode_control
from worker.records.values import RecordError

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
PAUSED_AT = AT.timestamp()
GOOD = {"v": 1, "campaign_id": "camp_1", "state": "paused", "shift": 30, "at": "2026-11-21T09:00:00Z"}


def control(state, shift=0.0, campaign="camp_1"):
    return CampaignControl(1, campaign, State(state), AT, shift)


def decoded(**fields):
    return decode_control(json.dumps(GOOD | fields).encode())


# ── the record ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", ["running", "paused", "cancelled"])
def test_a_control_record_is_read(state):
    assert decoded(state=state) == control(state, 30.0)


def test_shift_may_be_left_out_and_unknown_fields_are_ignored():
    value = {name: GOOD[name] for name in GOOD if name != "shift"} | {"by": "Ada"}
    assert decode_control(json.dumps(value).encode()).shift == 0.0


def test_what_is_harmless_is_tolerated():
    assert decoded(shift=None).shift == 0.0
    assert decoded(v=1.0, by=None) == decoded()
    raw = json.dumps(GOOD).encode()
    assert decode_control(raw[:-1] + rb', "by": "Zo\ud83d"}') == decoded()
    assert decode_control(b"\xef\xbb\xbf" + raw) == decoded()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2),
        ("v", None),
        ("campaign_id", ""),
        ("campaign_id", "../x"),
        ("campaign_id", "x" * 129),
        ("state", "stopped"),
        ("state", 1),
        ("shift", -1),
        ("shift", 1e12),
        ("shift", "10"),
        ("at", "yesterday"),
        ("at", "2026-11-21T09:00:00"),
        ("at", 0),
    ],
)
def test_a_bad_field_is_refused_by_its_name(name, value):
    with pytest.raises(RecordError, match=f"^{name}: ") as caught:
        decoded(**{name: value})
    assert caught.value.code == "bad_field"


@pytest.mark.parametrize("name", ["v", "campaign_id", "state", "at"])
def test_a_missing_field_is_refused_by_its_name(name):
    value = {each: GOOD[each] for each in GOOD if each != name}
    with pytest.raises(RecordError, match=f"^{name}: is missing"):
        decode_control(json.dumps(value).encode())


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"null"])
def test_what_is_no_control_record_is_refused(value):
    with pytest.raises(RecordError, match=r"^value: "):
        decode_control(value)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(value):
    with pytest.raises(RecordError):
        decode_control(value)


# ── what holds ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_campaign_runs_as_planned():
    plain = Campaigns().of("whatever")
    assert (plain.state, plain.shift_at(PAUSED_AT)) == (State.RUNNING, 0.0)


def test_the_last_record_of_a_campaign_holds():
    campaigns = Campaigns()
    for state in ("paused", "running", "cancelled"):
        campaigns.apply(control(state, 5.0))
        assert campaigns.of("camp_1") == Control(State(state), PAUSED_AT, 5.0)
    assert campaigns.of("camp_2").state is State.RUNNING


def test_only_what_is_not_plainly_running_is_kept():
    campaigns = Campaigns()
    for number in range(1000):
        for state in ("paused", "running"):
            campaigns.apply(control(state, campaign=f"c{number}"))
    assert len(campaigns) == 0
    campaigns.apply(control("running", 10.0))
    campaigns.apply(control("cancelled", campaign="camp_2"))
    assert len(campaigns) == 2


def test_a_tombstone_forgets():
    campaigns = Campaigns()
    campaigns.apply(control("cancelled"))
    campaigns.forget("camp_1")
    campaigns.forget("unknown")
    assert len(campaigns) == 0
    assert campaigns.of("camp_1").state is State.RUNNING


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "shift", "passed", "moved"),
    [
        ("running", 0.0, 100.0, 0.0),
        ("running", 30.0, 100.0, 30.0),
        ("paused", 0.0, 100.0, 100.0),
        ("paused", 30.0, 100.0, 130.0),
        ("paused", 30.0, -5.0, 30.0),  # another clock is ahead
        ("cancelled", 30.0, 100.0, 30.0),
    ],
)
def test_planned_times_move_with_every_pause(state, shift, passed, moved):
    assert Control(State(state), PAUSED_AT, shift).shift_at(PAUSED_AT + passed) == moved


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=8))
def test_the_shift_is_all_pauses_together_at_every_moment(periods):
    now = shift = 0.0
    for run, pause in periods:
        now += run
        paused = Control(State.PAUSED, now, shift)
        assert paused.shift_at(now) == shift
        now, shift = now + pause, shift + pause
        assert paused.shift_at(now) == pytest.approx(shift, abs=1e-6)
        assert Control(State.RUNNING, now, shift).shift_at(now + 5) == shift
