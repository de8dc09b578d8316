"""Group answers that came together into rows, so that good news for neighbours is handled once.

When a campaign goes well, dozens of answers land together, and their meaning is worked out once for all of
them. Any other answer stands alone: it may change what the next one means.
"""

from collections.abc import Hashable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from worker.pipeline.delivery import Flight
from worker.push.answers import Answer, PushResponse

Answered = tuple[Flight, Answer]
_flight = itemgetter(0)


def rows(landed: Iterable[Answered]) -> Iterator[tuple[list[Flight], Answer]]:
    """Group neighbours that were accepted if they share their record, push service and answer.

    Yields:
        Flights, at least one, and the answer that each of them got, in the order in which they came.
    """
    for _, row in groupby(landed, _kind):
        together = list(row)
        yield list(map(_flight, together)), together[0][1]


def _kind(landed: Answered) -> Hashable:
    """Return a key that is equal for neighbours of one row."""
    flight, answer = landed
    if not isinstance(answer, PushResponse) or answer.status >= 300:
        return landed  # equal to no other key
    return flight.delivery.entry, flight.delivery.endpoint.origin, answer
