"""Where launches stand: the parts that each is walked in, and when its next chunk may be written.

Decides nothing (`pace` and `parts` do); remembers what they need from one look to the next.
"""

from collections.abc import Sequence
from zoneinfo import available_timezones

from campaigns.launch.chunks import next_due
from campaigns.launch.pace import Pace, Standing, may_write_at
from campaigns.launch.parts import Part, parts_of
from campaigns.store.launching import OpenLaunch


class Standings:
    """What is known of launches that are looked at again and again."""

    def __init__(self) -> None:
        self._paces: dict[int, Pace] = {}
        self._parts: dict[int, list[Part]] = {}

    def forget_all_but(self, opened: Sequence[OpenLaunch]) -> None:
        """Remember nothing of any other launch."""
        numbers = {each.launch.id for each in opened}
        self._paces = {number: pace for number, pace in self._paces.items() if number in numbers}
        self._parts = {number: parts for number, parts in self._parts.items() if number in numbers}

    def parts_of(self, opened: OpenLaunch) -> list[Part]:
        """Return the parts of a launch's audience, which stay the same as long as it is written."""
        number = opened.launch.id
        if number not in self._parts:
            self._parts[number] = parts_of(opened.launch, opened.site_zone, available_timezones())
        return self._parts[number]

    def may_write_at(self, opened: OpenLaunch, now: float) -> float:
        """Return when the next chunk may be written, in seconds since the epoch, as `pace.may_write_at`."""
        launch = opened.launch
        due = next_due(opened, self.parts_of(opened))
        standing = Standing(
            due=launch.start_at.timestamp() if due is None else due.timestamp(),
            timed=bool(launch.stretch_time or launch.local_time),
            written=launch.written,
            settled=opened.settled,
            pace=self._paces.setdefault(launch.id, Pace()).look(opened.settled, now),
        )
        return may_write_at(standing)
