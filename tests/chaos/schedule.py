"""What is done to a run, and when: seeded, so that a bad run can be had again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be done, or happens by itself.

    Not among it: a kill -9 of the embedded broker, which loses what it acknowledged in the last second or
    two (measured: 6,260 of 15,580 records). No worker can make good for that, and Apache Kafka does not.
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
    """Of who has joined."""

    EVICT = "place taken back"
    """By the process that had it before it was frozen: the two evict each other until one of them ends."""

    EXIT = "ended by itself"
    """With a reason in its log; it is started again."""


OF_OUR_OWN_KAFKA = frozenset(
    {Kind.KAFKA_RESTART, Kind.KAFKA_FREEZE, Kind.KAFKA_CUT, Kind.MOVE, Kind.COMMIT_FAILS, Kind.COMMIT_HANGS}
)
"""Nobody does that to another one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that is done.

    Attributes:
        kind: What.
        worker: To which; of no meaning for Kafka and the push service.
        rest: Seconds after the one before it has been got over.
        lasts: Seconds, for what lasts.
    """

    kind: Kind
    worker: int
    rest: float
    lasts: float


def schedule(seed: int, counts: Mapping[Kind, int], workers: int, rest: float) -> list[Event]:
    """Shuffle so many events of each kind; `rest` is the mean of the seconds between two."""
    chance = random.Random(seed)
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    chance.shuffle(kinds)
    return [
        Event(kind, chance.randrange(workers), chance.uniform(0.1, 2 * rest - 0.1), chance.uniform(2, 5))
        for kind in kinds
    ]
