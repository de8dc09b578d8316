"""Who dies when in a whole run, and how large it is. Pure: the same seed gives the same plans."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random

from tests.chaos.campaigns.mortal import COLLECTOR_STEPS, URGENT_STEPS, WRITER_STEPS, Arm
from tests.chaos.campaigns.push_service import FIFTY

WITHIN, BEHIND = ("begun", "sent"), ("committed",)
"""Steps between the beginning of a transaction and its commit, and between that and keeping the cursor."""

_WRITERS = ("begun", "committed", "committing", "any", "sent", "committed", "kept", "any")
"""In turns: a quarter of all deaths is within a transaction, and a quarter behind the commit."""

CHUNK_LEAST, CHUNK_MOST = 100, 5000
BATCH_ROWS = 40
URGENT_EVERY = 4
"""One of so many deaths of relays is of one that has written urgent sends."""

STRETCH_LEAST, A_SECOND = 20.0, 4000
"""Seconds, and recipients a second: about what worker, push service and Kafka do on two cores."""

assert {*_WRITERS} == {*WRITER_STEPS}


@dataclass(frozen=True)
class Options:
    """The size of a run, and what happens in it.

    Attributes:
        recipients: Of the campaign to all.
        keys: VAPID keys of the subscribers, in turns: variants of records.
        kills: `kill -9` of launchers.
        collectors: Of collectors, half while the campaign is sent, half while small sends are.
        sends: Small sends; half of them are urgent.
        relays: `kill -9` of relays.
        kafka: Whether Kafka is killed, once in each half.
        postgresql: Whether PostgreSQL is.
        stretch: Seconds over which the campaign is spread; 0: as long as two cores need.
        seed: Of all that is random.
    """

    recipients: int = 1_000_000
    keys: int = 10
    kills: int = 40
    collectors: int = 10
    sends: int = 2000
    relays: int = 16
    kafka: bool = True
    postgresql: bool = True
    stretch: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        least = 2 * FIFTY * (self.keys + 1)
        if self.recipients < least:
            raise ValueError(f"with {self.keys} keys there are at least {least} recipients")

    @property
    def chunk(self) -> int:
        """Recipients of a transaction: so few that every launcher finds something to die in."""
        return min(max(self.recipients // (5 * max(self.kills, 1)), CHUNK_LEAST), CHUNK_MOST)

    @property
    def stretch_time(self) -> float:
        return self.stretch or max(STRETCH_LEAST, self.recipients / A_SECOND)

    @property
    def limit(self) -> float:
        """Seconds that either half may take."""
        return 240.0 + 3 * self.stretch_time + 15.0 * max(self.kills, self.relays)


def launcher_plan(options: Options) -> list[Arm]:
    """Return when launchers die, one after the other."""
    return [*islice(_arms("launch", _WRITERS, Random(options.seed)), options.kills)]


def relay_plan(options: Options) -> list[Arm]:
    """Return when relays die; some have just written urgent sends."""
    dice = Random(options.seed + 1)
    writers, urgent = _arms("relay", _WRITERS, dice), _arms("urgent", URGENT_STEPS, dice)
    return [next(urgent if number % URGENT_EVERY == 1 else writers) for number in range(options.relays)]


def collector_plan(options: Options, half: int) -> list[Arm]:
    """Return when collectors die in a half of the run, 0 or 1."""
    count = (options.collectors + 1 - half) // 2
    return [*islice(_arms("collector", COLLECTOR_STEPS, Random(options.seed + 2 + half)), count)]


def _arms(who: str, steps: tuple[str, ...], dice: Random) -> Iterator[Arm]:
    return (Arm(who, step, dice.randint(1, 2)) for step in cycle(steps))
