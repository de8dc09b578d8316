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


CountForeign = Callable[[int], object]
"""Counts events whose tokens are not ours."""


def ignore(_number: int) -> None:
    """Count nothing."""


class EventsLostError(Exception):
    """Kafka has not acknowledged what browsers report, or is not connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiService(Service):
    """See `campaigns.operations.service.Service`.

    Attributes:
        write_events: Writes what browsers report.
        admit_subscriber: Bounds new subscribers.
        launches: Those that browsers have reported of lately.
        count_foreign: Is told how many events were left out because their tokens are not ours.
        country_header: In lower case, the header in which a proxy names the browser's country; empty: none.
        dev: Whether pages of http://localhost may subscribe to every site.
    """

    write_events: WriteEvents
    admit_subscriber: AdmitSubscriber
    launches: KnownLaunches = field(default_factory=KnownLaunches)
    count_foreign: CountForeign = ignore
    country_header: str = ""
    dev: bool = False
