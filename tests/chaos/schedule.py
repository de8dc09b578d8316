"""The events of a run and their times, from a seed, so that a bad run can be repeated."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of event: done to the run, or happening by itself.

    A kill -9 of the embedded broker is not among them: it loses the records that it acknowledged in the last
    second or two (measured: 6,260 of 15,580). No worker can make up for that; Apache Kafka does not do it.
    """

    KILL = "kill -9"
    TERM = "SIGTERM, restart"
    JOIN = "join"
    FREEZE = "freeze, place taken"
    EXPIRE = "freeze, session over"
    PAUSE = "freeze, thawed"
    CUT = "pushes cut off"
    KAFKA_RESTART = "Kafka restart"
    KAFKA_FREEZE = "Kafka freeze"
    KAFKA_CUT = "Kafka cut off"
    MOVE = "coordinator moves"
    COMMIT_FAILS = "commit fails"
    COMMIT_HANGS = "commit hangs"

    LEAVE = "leave"
    """A guest that has joined leaves again."""

    EVICT = "place taken back"
    """By the process that had it before it was frozen: the two evict each other until one of them exits."""

    EXIT = "ended by itself"
    """With a reason in its log; the process is restarted."""


OF_OUR_OWN_KAFKA = frozenset(
    {Kind.KAFKA_RESTART, Kind.KAFKA_FREEZE, Kind.KAFKA_CUT, Kind.MOVE, Kind.COMMIT_FAILS, Kind.COMMIT_HANGS}
)
"""Only done to a Kafka that the run itself started."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the schedule.

    Attributes:
        kind: The kind.
        worker: Number of the worker; meaningless for events of Kafka and the push service.
        rest: Seconds to wait after the previous event is over.
        lasts: Seconds, for events that last.
    """

    kind: Kind
    worker: int
    rest: float
    lasts: float


def schedule(seed: int, counts: Mapping[Kind, int], workers: int, rest: float) -> list[Event]:
    """Return the events in random order; `rest` is the mean number of seconds between two."""
    chance = random.Random(seed)
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    chance.shuffle(kinds)
    return [
        Event(kind, chance.randrange(workers), chance.uniform(0.1, 2 * rest - 0.1), chance.uniform(2, 5))
        for kind in kinds
    ]
