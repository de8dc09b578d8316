"""What adapters hand on to operations, and the two things besides that only requests need."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from campaigns.model.events import EventRecord
from campaigns.operations.reports import KnownLaunches
from campaigns.operations.service import Service

WriteEvents = Callable[[Sequence[EventRecord]], Awaitable[None]]
"""Writes what browsers report; returns when Kafka has it, or raises EventsLostError."""

AdmitSubscriber = Callable[[int], Awaitable[None]]
"""Takes a site's number; raises RefusedError if too many subscribe to it at once."""


class EventsLostError(Exception):
    """Kafka has not acknowledged what browsers report, or is not connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiService(Service):
    """See `campaigns.operations.service.Service`.

    Attributes:
        write_events: Writes what browsers report.
        admit_subscriber: Bounds new subscribers.
        launches: Those that browsers have reported of lately.
        country_header: In lower case, the header in which a proxy names the browser's country; empty: none.
        dev: Whether pages of http://localhost may subscribe to every site.
    """

    write_events: WriteEvents
    admit_subscriber: AdmitSubscriber
    launches: KnownLaunches = field(default_factory=KnownLaunches)
    country_header: str = ""
    dev: bool = False
