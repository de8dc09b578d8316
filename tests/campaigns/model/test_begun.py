from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from campaigns.model.begun import LaunchBegun, begun, begun_key, read_begun
from campaigns.model.condition import Comparison, Op
from campaigns.model.ids import LaunchId, read_launch
from campaigns.model.launch import Launch, LaunchState, NewLaunch
from campaigns.model.marker import relay_key
from campaigns.model.site import TrackClicks
from campaigns.model.target import Among, Everyone, ExternalIds, Meeting, Subscribers, Tagged
from worker.records.control import State
from worker.records.job import Urgency
from worker.records.notification import Notification
from worker.records.values import encode_json

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
NINE = datetime(2026, 11, 27, 9)  # noqa: DTZ001 - wall time
KEY = begun_key("launch_3_abcdefgh")
FIELDS = {
    "nonce": "abcdefgh",
    "site": 7,
    "campaign": 4,
    "moment": NOW,
    "content": Notification("Hello {{name|you}}", "https://shop.example/", data={"a": [1, None]}),
    "target": Everyone(),
    "start_at": NOW + timedelta(seconds=1.25),
    "stretch_time": 3600.5,
    "ttl": 60,
    "ends_at": NOW + timedelta(days=1),
    "urgency": Urgency.HIGH,
    "topic": "sale",
    "track_clicks": TrackClicks.NONE,
    "targeted": 12,
    "translations": {"de": Notification("Hallo {{name|du}}", "https://shop.example/de")},
}


def launch_of(**fields) -> Launch:
    state = {"id": 3, "slot": 3, "state": LaunchState.WRITING, "wanted": State.RUNNING, "wanted_at": NOW}
    return Launch(**FIELDS | state | {"shift": 0.0, "written": 0, "created_at": NOW} | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"campaign": None, "ends_at": None, "topic": None, "urgency": Urgency.NORMAL, "stretch_time": 0.0},
        {"local_time": NINE},
        {"target": Subscribers((1, 2**53 - 1))},
        {"target": ExternalIds(("ann", "bob"))},
        {"target": Tagged(("a", "b"))},
        {"target": Meeting(Comparison("created_at", Op.GT, NOW))},
        {"target": Among(Subscribers((1, 2)), Comparison("created_at", Op.GT, NOW))},
    ],
    ids=lambda fields: ", ".join(fields) or "usual",
)
def test_a_launch_is_read_as_it_began(fields):
    launch = launch_of(**fields)
    restored = read_begun(KEY, encode_json(begun(launch, "Asia/Tokyo")))
    assert (restored.launch_id, restored.zone) == (LaunchId(3, "abcdefgh"), "Asia/Tokyo")
    for name in NewLaunch.__struct_fields__:
        assert getattr(restored.new, name) == getattr(launch, name), name


def test_nothing_of_a_launch_is_left_out():
    spelled = {"nonce", "site", "campaign"}  # in its id and those of others
    assert {*NewLaunch.__struct_fields__} - {*LaunchBegun.__struct_fields__} == spelled
    assert {*NewLaunch.__struct_fields__} == {*FIELDS, "local_time"}


def test_the_last_recipient_is_due_when_the_stretch_ends_wherever_it_began_last():
    at_once = read_begun(KEY, encode_json(begun(launch_of(), "UTC")))
    assert at_once.last_due_at == NOW + timedelta(seconds=3601.75)
    local = read_begun(KEY, encode_json(begun(launch_of(local_time=NINE, stretch_time=0.0), "UTC")))
    assert local.last_due_at == NOW + timedelta(hours=12)


def test_what_is_something_else_or_somebody_elses_is_none():
    there = encode_json(begun(launch_of(), "UTC"))
    wrong = {"target": {"who": 1}, "site_id": "shop", "launch_id": "launch", "v": 2, "ttl": -1}
    assert read_begun(KEY, there) is not None
    assert read_begun("launch_3_abcdefgh", there) is None
    assert read_begun(begun_key("launch_4_abcdefgh"), there) is None
    assert read_begun(KEY, b"{") is None
    for name, value in wrong.items():
        changed = msgspec.json.encode(msgspec.json.decode(there) | {name: value})
        assert read_begun(KEY, changed) is None, name


def test_no_launch_and_no_relay_is_spelled_like_it():
    assert read_launch(KEY) is None
    assert KEY not in {relay_key(slot) for slot in range(16)}
