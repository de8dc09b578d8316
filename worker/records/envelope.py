"""Records as Kafka sees them: partitions, records read and produced, offsets committed.

Knows nothing of a record's value, except whether it belongs to the urgent lane.
"""

from math import inf
from typing import NamedTuple

import msgspec
from msgspec import Struct

from worker.records.job import says_urgent
from worker.records.topics import BY_TOPIC, URGENT_JOBS


class Partition(NamedTuple):
    """A partition of an input topic or a tier; `topic` has no prefix."""

    topic: str
    number: int


class Commit(NamedTuple):
    """The offset to commit for a partition, with its metadata."""

    offset: int
    metadata: str


Headers = tuple[tuple[str, bytes | None], ...]
"""Kafka's own headers of a record. A name may come more than once, and a value may be null."""


class Publication(Struct, frozen=True, gc=False):
    """A record to be produced; `topic` has no prefix."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record of an input topic or a tier, as Kafka stores it.

    Attributes:
        partition: The partition that it was read from.
        offset: Its offset there.
        timestamp: Seconds since the epoch.
        key: As written, or None.
        value: As written; None for a tombstone.
        headers: As written.
        came_at: When it came to Kafka, seconds since the epoch: when the broker says that it was appended, or
            else as far as its reader can tell; infinity if nothing is known but that it is there now.
    """

    partition: Partition
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    came_at: float = inf

    @property
    def urgent(self) -> bool:
        """Whether it belongs to the urgent lane: by its topic or, in a tier, by its own `lane`."""
        if self.partition.topic in BY_TOPIC:
            return self.value is not None and says_urgent(self.value)
        return self.partition.topic == URGENT_JOBS
