"""Which partitions a collector reads, and from where: its consumer follows its leases.

No consumer group: offsets lie in PostgreSQL, and so does who reads. A collector that dies leaves its
partitions to others within a lease, on any broker, and nobody else is interrupted.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from campaigns.store.collector_offsets import (
    Place,
    add_places,
    move_on,
    release_places,
    renew_places,
    take_places,
)
from campaigns.store.database import Database
from worker.config import KafkaSettings
from worker.edges.kafka import header_names
from worker.edges.kafka.client import STOP_LIMIT, connection, partitions_of, start, within
from worker.edges.kafka.transactions import READ_COMMITTED

log = structlog.get_logger(__name__)

LEASE_SECONDS = 10.0
_FETCH_SECONDS = 0.3
MOST_RECORDS = 1_000
_PARTITION_BYTES = 1 << 20
_FETCH_BYTES = 8 << 20


class Fetched(NamedTuple):
    """Records of a partition, in order.

    Attributes:
        place: The partition.
        begin: What the fence must be at.
        end: What it will be at: the offset after the last record.
        values: Of the records.
        until: When the last one came to Kafka, in seconds since the epoch.
    """

    place: Place
    begin: int
    end: int
    values: list[bytes | None]
    until: float


class Assignments:
    """The partitions that this process reads.

    Args:
        settings: How to reach Kafka.
        database: Where leases and offsets are.
        holder: Names this process among all collectors.
        topics: What to read, by names without the prefix.
    """

    def __init__(
        self, settings: KafkaSettings, database: Database, holder: str, topics: tuple[str, ...]
    ) -> None:
        self._settings = settings
        self._database = database
        self._holder = holder
        self._topics = [settings.topic_prefix + topic for topic in topics]
        self._next: dict[Place, int] = {}
        self._told: set[Place] = set()
        header_names.tolerate()
        self._consumer: Any = AIOKafkaConsumer(
            **connection(settings),
            client_id="pushmill-campaigns-collector",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
            fetch_max_bytes=_FETCH_BYTES,
            max_partition_fetch_bytes=_PARTITION_BYTES,
            isolation_level=READ_COMMITTED,
        )

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachableError: No broker answers.
        """
        await start(self._consumer, self._settings)

    async def stop(self) -> None:
        """Disconnect; never waits for long."""
        await within(STOP_LIMIT, self._consumer.stop())

    async def release(self) -> None:
        """Leave all partitions to others.

        Raises:
            DatabaseAwayError: Then they get them once the leases have run out.
        """
        async with self._database.connection() as lent:
            await release_places(lent, self._holder)

    async def renew(self) -> bool:
        """Hold what is held, take some of what is free, and read exactly that; return whether any was free.

        Raises:
            DatabaseAwayError: The database cannot be used.
            KafkaError: No broker tells of the topics.
        """
        there = [
            Place(*place) for topic in self._topics for place in await partitions_of(self._consumer, topic)
        ]
        async with self._database.connection() as lent:
            await add_places(lent, there)
            held = await renew_places(lent, self._holder, LEASE_SECONDS)
            taken = await take_places(lent, self._holder, LEASE_SECONDS, there)
        if held | taken != self._next:
            await self._read(held | taken)
        if not taken and {*self._next} != self._told:  # taking some at a time is not worth a line each
            self._told = {*self._next}
            log.info("collecting", partitions=len(self._told))
        return bool(taken)

    async def fetch(self) -> Iterator[Fetched]:
        """Wait for records, for a moment at most, and return what has come, by partition.

        Raises:
            KafkaError: The broker does not answer; worth another try.
        """
        if not self._next:  # for which aiokafka would wait without end
            await asyncio.sleep(_FETCH_SECONDS)
            return iter(())
        found = await self._consumer.getmany(timeout_ms=_FETCH_SECONDS * 1000, max_records=MOST_RECORDS)
        return filter(None, (self._fetched(Place(*place), records) for place, records in found.items()))

    def moved(self, place: Place, end: int) -> None:
        """Say that a partition's records have been applied, up to before an offset."""
        self._next[place] = end

    def lost(self, place: Place) -> None:
        """Say that somebody else has read a partition on: it is read no more until the leases are renewed."""
        self._next.pop(place, None)
        self._consumer.pause(TopicPartition(*place))

    def go_back(self) -> None:
        """Read again whatever has been fetched and not applied."""
        for place, offset in self._next.items():
            self._consumer.seek(TopicPartition(*place), offset)

    def lag(self) -> Mapping[str, int]:
        """Return how many records wait, by topic without its prefix, as far as this process reads them."""
        waiting = dict.fromkeys(
            (topic.removeprefix(self._settings.topic_prefix) for topic in self._topics), 0
        )
        for place, offset in self._next.items():
            end = self._consumer.highwater(TopicPartition(*place))
            if end is not None:
                waiting[place.topic.removeprefix(self._settings.topic_prefix)] += max(0, end - offset)
        return waiting

    def _fetched(self, place: Place, records: list[Any]) -> Fetched | None:
        begin = self._next.get(place)
        if begin is None:
            return None
        new = [record for record in records if record.offset >= begin]
        if not new:
            return None
        values = [record.value for record in new]
        return Fetched(place, begin, new[-1].offset + 1, values, new[-1].timestamp / 1000)

    async def _read(self, held: dict[Place, int]) -> None:
        """Read these partitions from these offsets on."""
        self._next = {}  # if anything fails here, nothing is read until the next renewal
        places = [TopicPartition(*place) for place in held]
        self._consumer.assign(places)
        self._consumer.resume(*places)
        ends = await self._consumer.end_offsets(places) if places else {}
        for place, offset in held.items():
            end = ends[TopicPartition(*place)]
            if offset > end:
                held[place] = await self._begin_again(place, offset)
            self._consumer.seek(TopicPartition(*place), held[place])
        self._next = held

    async def _begin_again(self, place: Place, offset: int) -> int:
        """Read a topic from its beginning that ends before what was read of it: it is another one by now."""
        log.warning("a topic has been made anew: reading it from its beginning", topic=place.topic)
        async with self._database.transaction() as lent:
            await move_on(lent, place, offset, 0)
        return 0
