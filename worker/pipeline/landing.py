"""Answers that came together, in rows: what is good news for neighbours of one record is taken in as one.

Of a campaign that goes well, dozens land together, and what that means is found once for all of them. What
is no good news stands alone: it may change what the next answer means.
"""

from collections.abc import Hashable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from worker.pipeline.delivery import Flight
from worker.push.answers import Answer, PushResponse

Answered = tuple[Flight, Answer]
_flight = itemgetter(0)


def rows(landed: Iterable[Answered]) -> Iterator[tuple[list[Flight], Answer]]:
    """Put neighbours together that a push service took, each from one record and to one push service.

    Returns:
        Flights, at least one, and the answer that each of them got; all in the order in which they came.
    """
    for _, row in groupby(landed, _kind):
        together = list(row)
        yield list(map(_flight, together)), together[0][1]


def _kind(landed: Answered) -> Hashable:
    """What is equal for neighbours that belong together."""
    flight, answer = landed
    if not isinstance(answer, PushResponse) or answer.status >= 300:
        return landed  # equal to no other one
    return flight.delivery.entry, flight.delivery.endpoint.origin, answer
