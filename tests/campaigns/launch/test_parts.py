from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from campaigns.launch.parts import Part, part_after, parts_of
from campaigns.model.ids import SUBSCRIBER_END
from campaigns.model.launch import Launch, LaunchState
from campaigns.model.target import Everyone
from campaigns.store.windows import ANYWHERE, InZones
from worker.records.control import State
from worker.records.notification import Notification

START = datetime(2026, 11, 27, 9, tzinfo=UTC)
NINE = datetime(2026, 11, 27, 9)  # noqa: DTZ001 - wall time
ZONES = available_timezones()


def launch(**fields: Any) -> Launch:
    usual: dict[str, Any] = {
        "id": 3,
        "nonce": "abcdefgh",
        "site": 1,
        "campaign": None,
        "moment": START,
        "content": Notification("Hello", "https://shop.example/"),
        "target": Everyone(),
        "start_at": START,
        "stretch_time": 0.0,
        "ttl": 60,
        "slot": 3,
        "state": LaunchState.WRITING,
        "wanted": State.RUNNING,
        "wanted_at": START,
        "shift": 0.0,
        "written": 0,
        "created_at": START,
    }
    return Launch(**(usual | fields))


def test_a_launch_at_one_moment_has_one_part():
    assert parts_of(launch(), "Europe/Berlin", ZONES) == [Part(0, ANYWHERE, START)]


def test_one_at_a_wall_time_begins_in_each_zone_at_that_time():
    parts = parts_of(launch(local_time=NINE), "Europe/Berlin", ZONES)
    named = {zone: part for part in parts if not part.zones.elsewhere for zone in part.zones.names}
    for zone, part in named.items():
        local = part.start_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert abs(local - NINE) < timedelta(minutes=15), zone
    assert len(parts) > 30
    assert parts == sorted(parts, key=lambda part: part.start_at)
    assert 0 <= parts[0].number <= parts[-1].number <= 104


def test_every_zone_is_in_one_part_and_those_that_are_unknown_are_where_the_site_is():
    parts = parts_of(launch(local_time=NINE), "Europe/Berlin", ZONES)
    [own] = [part for part in parts if part.zones.elsewhere]
    assert own.start_at.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None) == NINE
    named = [zone for part in parts if part is not own for zone in part.zones.names]
    assert len(named) == len(set(named))
    assert set(own.zones.names) == set(named)
    assert not {"Europe/Berlin", "Europe/Paris"} & set(named)


@pytest.mark.parametrize("zone", ["UTC", "no zone at all", ""])
def test_a_site_without_a_zone_that_is_known_is_in_utc(zone):
    parts = parts_of(launch(local_time=NINE), zone, ["Asia/Tokyo"])
    assert parts == [
        Part(20, InZones(("Asia/Tokyo",)), START - timedelta(hours=9)),
        Part(56, InZones(("Asia/Tokyo",), elsewhere=True), START),
    ]


def test_a_cursor_tells_part_and_id():
    early, late = parts_of(launch(local_time=NINE), "UTC", ["Asia/Tokyo"])
    assert early.first + 1 == 20 * SUBSCRIBER_END
    assert part_after([early, late], -1) is early
    assert part_after([early, late], early.first) is early
    assert part_after([early, late], early.last - 1) is early
    assert part_after([early, late], early.last) is late
    assert part_after([early, late], late.last) is None
    assert late.last < 2**63
