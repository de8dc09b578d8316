"""The parts of an audience that are due at different times: one, or one for each offset from UTC.

A launch at a wall time begins in each zone by itself. Its audience is walked part by part, in the order of
their times, and within each by id. Everybody is in the part of the zone that they had when the launch began:
whoever travels meanwhile is neither in two parts nor in none. Where the walk has come to is one number, the
cursor: the part's number, times 2^53, plus the last id.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from campaigns.model.campaign import EARLIEST_ZONE
from campaigns.model.ids import SUBSCRIBER_END
from campaigns.model.launch import Launch
from campaigns.store.windows import ANYWHERE, InZones

STEP = timedelta(minutes=15)
"""What offsets from UTC are multiples of. A part's number tells its offset, so that it stays the same when a
newer tzdata moves a zone from one part to another."""


class Part(NamedTuple):
    """A part of an audience.

    Attributes:
        number: Its place among the parts.
        zones: Who is in it.
        start_at: When its first recipient is due.
    """

    number: int
    zones: InZones
    start_at: datetime

    @property
    def first(self) -> int:
        """The cursor before anybody of it is written."""
        return self.number * SUBSCRIBER_END - 1

    @property
    def last(self) -> int:
        """The cursor once everybody is."""
        return self.first + SUBSCRIBER_END


def parts_of(launch: Launch, site_zone: str, zones: Iterable[str]) -> list[Part]:
    """Return the parts of a launch's audience, in the order of their times.

    Args:
        launch: The launch.
        site_zone: Where subscribers without a zone are, and those of zones that are unknown.
        zones: Names of all zones.
    """
    if launch.local_time is None:
        return [Part(0, ANYWHERE, launch.start_at)]
    by_number: defaultdict[int, list[str]] = defaultdict(list)
    for zone in sorted(zones):
        by_number[_number(launch.local_time, zone)].append(zone)
    own = _number(launch.local_time, site_zone)
    by_number.setdefault(own, [])
    elsewhere = tuple(zone for number, names in by_number.items() if number != own for zone in names)
    in_zones = {number: InZones(tuple(names)) for number, names in by_number.items()}
    in_zones[own] = InZones(elsewhere, elsewhere=True)
    return [
        Part(number, in_zones[number]._replace(mark=launch.zone_mark), _start(launch.local_time, number))
        for number in sorted(by_number)
    ]


def part_after(parts: Iterable[Part], cursor: int) -> Part | None:
    """Return the part that is to be written next behind a cursor; None if all are written."""
    return next((part for part in parts if cursor < part.last), None)


def _number(local_time: datetime, zone: str) -> int:
    try:
        offset = local_time.replace(tzinfo=ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        offset = None
    return (EARLIEST_ZONE - (offset or timedelta())) // STEP


def _start(local_time: datetime, number: int) -> datetime:
    return local_time.replace(tzinfo=UTC) - EARLIEST_ZONE + number * STEP
