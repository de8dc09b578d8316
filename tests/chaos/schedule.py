"""What is done to a run, and when: seeded, so that a bad run can be had again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be done.

    Not among it: a kill -9 of the embedded broker, which loses what it acknowledged in the last second or
    two (measured: 6,260 of 15,580 records). No worker can make good for that, and Apache Kafka does not.
    """

    KILL = "kill -9"
    TERM = "SIGTERM, restart"
    FREEZE = "freeze, taken over"
    PAUSE = "freeze, thawed"
    BROKER_RESTART = "broker restart"
    BROKER_FREEZE = "broker freeze"
    CUT = "connections cut"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that is done.

    Attributes:
        kind: What.
        worker: To which; of no meaning for the broker and the push service.
        rest: Seconds after the one before it has been got over.
        lasts: Seconds, for freezes.
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
