"""Records as Kafka holds them: where they lie, what is read, what is written, what is committed."""

from typing import NamedTuple

import msgspec
from msgspec import Struct

from worker.records.job import says_urgent
from worker.records.topics import BY_TOPIC, URGENT_JOBS


class Partition(NamedTuple):
    """A partition of an input topic or a tier; `topic` is without the prefix."""

    topic: str
    number: int


class Commit(NamedTuple):
    """What is committed for a partition."""

    offset: int
    metadata: str


Headers = tuple[tuple[str, bytes], ...]


class Publication(Struct, frozen=True, gc=False):
    """A record that is ready to be written."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record of an input topic or a tier, as Kafka holds it.

    Attributes:
        partition: Where it lies; the topic without the prefix.
        offset: Its place there.
        timestamp: Seconds since the epoch.
        key: As written, or None.
        value: As written; None for a tombstone.
        headers: As written.
    """

    partition: Partition
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def urgent(self) -> bool:
        """Whether it is of the urgent lane: by its topic, or out of a tier as it says itself."""
        if self.partition.topic in BY_TOPIC:
            return self.value is not None and says_urgent(self.value)
        return self.partition.topic == URGENT_JOBS
