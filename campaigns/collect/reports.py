"""From records of `push.events` to what they add to engagement.

Decides what counts; knows neither what has been counted before nor how that is kept.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from campaigns.model.events import EventKind, EventRecord, decode_event
from campaigns.model.ids import Kind, LaunchId, read, read_launch
from worker.records.values import RecordError

TOTAL_MAX = 100
"""How often one recipient is counted for one kind: whoever clicks without end is one visitor all the same."""


class Reported(NamedTuple):
    """What was reported of whom.

    Attributes:
        launch: Whose push it was.
        site: The number of the site that the record names.
        subscriber: Whose browser it was.
        kind: `shown`, `clicked` (the notification itself), `button_0`, `button_1` or `dismissed`.
    """

    launch: LaunchId
    site: int
    subscriber: int
    kind: str


class Times(NamedTuple):
    """How often, and when for the first time."""

    number: int
    first_at: datetime


class Reports(Struct, frozen=True):
    """What records say.

    Attributes:
        times: By what was reported.
        passed_over: Records that cannot be read, or name ids that are not spelled as this service's.
    """

    times: Mapping[Reported, Times]
    passed_over: int


def read_reports(values: Iterable[bytes | None]) -> Reports:
    """Read the values of records."""
    times: dict[Reported, Times] = {}
    passed_over = 0
    for value in values:
        record = _decode(value)
        reported = None if record is None else _reported(record)
        if record is None or reported is None:
            passed_over += 1
        else:
            before = times.get(reported, Times(0, record.at))
            times[reported] = Times(before.number + 1, min(before.first_at, record.at))
    return Reports(times, passed_over)


def _decode(value: bytes | None) -> EventRecord | None:
    try:
        return None if value is None else decode_event(value)
    except RecordError:
        return None


def _reported(record: EventRecord) -> Reported | None:
    launch, site = read_launch(record.launch_id), read(Kind.SITE, record.site_id)
    subscriber = read(Kind.SUBSCRIBER, record.subscriber_id)
    if launch is None or site is None or subscriber is None:
        return None
    return Reported(launch, site, subscriber, _kind(record))


def _kind(record: EventRecord) -> str:
    is_button = record.kind is EventKind.CLICKED and record.button is not None
    return f"button_{record.button}" if is_button else str(record.kind)


class Tally(NamedTuple):
    """What a recipient's events of a kind come to: when the first was, and how many are counted."""

    first_at: datetime
    total: int


def tally(known: Tally | None, times: Times) -> Tally:
    """Add events to what is known of a recipient."""
    if known is None:
        return Tally(times.first_at, min(times.number, TOTAL_MAX))
    return Tally(min(known.first_at, times.first_at), min(known.total + times.number, TOTAL_MAX))
