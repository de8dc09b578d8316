"""What browsers report of a push: shown, clicked, dismissed. Read from their requests, and put into Kafka.

A browser's clock may be wrong, and it may report late: the time is kept between the launch's start and now.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from campaigns.model.ids import Kind, LaunchId, spell
from campaigns.model.problems import FieldProblem, InvalidError, invalid
from worker.records.values import Id, Moment, decode_value, field_and_problem

EVENTS_MAX = 50
BYTES_MAX = 16_384


class EventKind(StrEnum):
    """What happened to a push."""

    SHOWN = "shown"
    CLICKED = "clicked"
    DISMISSED = "dismissed"


class BrowserEvent(Struct, frozen=True):
    """What a browser reports.

    Attributes:
        t: The token of the push.
        kind: What happened.
        button: The number of the button that was clicked; None for the notification itself.
        at: When, by the browser's clock.
    """

    t: str
    kind: EventKind
    at: Moment
    button: Literal[0, 1] | None = None

    def __repr__(self) -> str:
        return f"BrowserEvent({self.kind})"


class EventRecord(Struct, frozen=True, kw_only=True):
    """The value of a record in `push.events`: what a browser reports of a push.

    Attributes:
        v: Version of this format.
        site_id: Whose subscriber it is.
        launch_id: The launch whose push it was.
        subscriber_id: Whose browser it was; the key.
        kind: What happened.
        button: The number of the button that was clicked; null for the notification itself.
        at: When, between the launch's start and `received_at`.
        received_at: When the report came in.
    """

    v: Literal[1]
    site_id: Id
    launch_id: Id
    subscriber_id: Id
    kind: EventKind
    button: Annotated[int, Meta(ge=0, le=1)] | None
    at: Moment
    received_at: Moment


class _Report(Struct, frozen=True):
    events: list[BrowserEvent]


_report_decoder = msgspec.json.Decoder(_Report)
_record_decoder = msgspec.json.Decoder(EventRecord)


def read_events(body: bytes) -> list[BrowserEvent]:
    """Read the body of a report.

    Raises:
        InvalidError: It is none; names the field that is wrong.
    """
    if len(body) > BYTES_MAX:
        raise invalid("", f"is larger than {BYTES_MAX:,} bytes")
    try:
        events = _report_decoder.decode(body).events
    except msgspec.ValidationError as error:
        raise InvalidError([FieldProblem(*field_and_problem(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid("", "is not JSON") from None
    if len(events) > EVENTS_MAX:
        raise invalid("events", f"has more than {EVENTS_MAX} events")
    problems = [*_problems(events)]
    if problems:
        raise InvalidError(problems)
    return events


def _problems(events: list[BrowserEvent]) -> Iterator[FieldProblem]:
    for index, event in enumerate(events):
        if event.button is not None and event.kind is not EventKind.CLICKED:
            yield FieldProblem(f"events[{index}].button", "must be null: only a click has a button")


def event_record(
    event: BrowserEvent,
    *,
    site: int,
    launch: LaunchId,
    subscriber: int,
    started_at: datetime,
    received_at: datetime,
) -> EventRecord:
    """Make the record of an event whose token is right.

    Args:
        event: As the browser reported it.
        site: The launch's site.
        launch: The launch that the token names.
        subscriber: The subscriber that the token names.
        started_at: When the launch began.
        received_at: When the report came in.
    """
    return EventRecord(
        v=1,
        site_id=spell(Kind.SITE, site),
        launch_id=str(launch),
        subscriber_id=spell(Kind.SUBSCRIBER, subscriber),
        kind=event.kind,
        button=event.button,
        at=min(max(event.at, started_at), received_at),
        received_at=received_at,
    )


def decode_event(value: bytes) -> EventRecord:
    """Read a record of `push.events`.

    Raises:
        RecordError: The value is not one; the text names the field.
    """
    return decode_value(_record_decoder, value)
