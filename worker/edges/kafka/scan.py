"""Reading a topic once, from chosen offsets to the end that it has at the start: bounded, in no group.

Knows nothing of what the records say.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from worker.config import KafkaSettings
from worker.edges import clock
from worker.edges.kafka import header_names
from worker.edges.kafka.client import (
    STOP_LIMIT,
    KafkaUnreachableError,
    connection,
    partitions_of,
    unreachable,
    within,
)

BATCH_RECORDS = 200
"""Records that are handed out at once, at most."""

FETCH_BYTES = 1 << 20
"""Bytes that are fetched ahead from each partition; a single record may be larger."""

STALLED_SECONDS = 30.0
"""Seconds without a record, after which the topic counts as unreadable."""

_FETCH_MS = 500


class NoPartitionError(ValueError):
    """A topic has no partition of that number; the text names both."""


class TopicScan:
    """One pass over a topic: each record that is there at the start, in order within its partition.

    Attributes:
        prefix: Of all topics.
        bounds: For each partition, the offset of its first record at the start, and the one after its last.
        positions: For each partition, the offset after the last record that has been dealt with.
        has_all: Whether each partition is read from its first record.
    """

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self.prefix = settings.topic_prefix
        self._topic = settings.topic_prefix + topic
        self.bounds: dict[int, tuple[int, int]] = {}
        self.positions: dict[int, int] = {}
        self.has_all = True
        header_names.tolerate()
        self._consumer = AIOKafkaConsumer(
            **connection(settings),
            client_id=f"pushmill-scan-{topic}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    async def start(self, begin: Mapping[int, int] | None = None, *, newest: int | None = None) -> None:
        """Connect, and fix the end of each partition.

        Args:
            begin: Where to begin in some partitions; the others are read from their first record.
            newest: Read only so many offsets of each partition, the last ones.

        Raises:
            KafkaUnreachableError: No broker answers.
            NoPartitionError: `begin` names a partition that does not exist.
        """
        try:
            await self._consumer.start()
            await self._assign(await partitions_of(self._consumer, self._topic), begin or {}, newest)
        except (KafkaError, OSError) as error:
            raise unreachable(self._settings, error) from error

    async def _assign(
        self, partitions: list[TopicPartition], begin: Mapping[int, int], newest: int | None
    ) -> None:
        if unknown := sorted(begin.keys() - {partition.partition for partition in partitions}):
            raise NoPartitionError(
                f"{self._topic} has no partition {unknown[0]}, only {len(partitions)} from 0 on"
            )
        self._consumer.assign(partitions)
        first = await self._consumer.beginning_offsets(partitions)
        end = await self._consumer.end_offsets(partitions)
        for partition in partitions:
            self.bounds[partition.partition] = (first[partition], end[partition])
            skipped = 0 if newest is None else end[partition] - newest
            start = max(first[partition], begin.get(partition.partition, 0), skipped)
            self.has_all = self.has_all and start <= first[partition]
            self.positions[partition.partition] = start
            if start < end[partition]:
                self._consumer.seek(partition, start)
            else:
                self._consumer.pause(partition)

    def _partition(self, number: int) -> TopicPartition:
        return TopicPartition(self._topic, number)

    def only(self, number: int) -> None:
        """Read no other partition than this one."""
        for other in self.positions:
            if other != number:
                self._consumer.pause(self._partition(other))

    async def batches(self) -> AsyncIterator[list[Any]]:
        """Yield aiokafka's records, all of one list from the same partition, up to the ends at the start.

        Raises:
            KafkaUnreachableError: Kafka does not answer any more.
        """
        last = clock.monotonic()
        while left := [number for number in self.positions if await self._goes_on(number)]:
            for partition, records in (await self._fetch(left)).items():
                _, end = self.bounds[partition.partition]
                wanted = [record for record in records if record.offset < end]
                if wanted:
                    yield wanted
                    self.positions[partition.partition] = wanted[-1].offset + 1
                last = clock.monotonic()
            if clock.monotonic() - last > STALLED_SECONDS:
                raise KafkaUnreachableError(
                    f"Kafka at {self._settings.kafka_bootstrap_servers} has sent nothing of {self._topic} "
                    f"for {STALLED_SECONDS:g} s, and there is more to read"
                )

    async def _goes_on(self, number: int) -> bool:
        """Whether a partition has more to read; pauses it if not. Offsets need not belong to records."""
        partition, (_, end) = self._partition(number), self.bounds[number]
        if partition in self._consumer.paused():
            return False
        if await self._consumer.position(partition) < end:
            return True
        self._consumer.pause(partition)
        return False

    async def _fetch(self, numbers: list[int]) -> dict[TopicPartition, list[Any]]:
        partitions = [self._partition(number) for number in numbers]
        try:
            found: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
                *partitions, timeout_ms=_FETCH_MS, max_records=BATCH_RECORDS
            )
        except (KafkaError, OSError) as error:
            raise unreachable(self._settings, error) from error
        return found

    async def stop(self) -> None:
        """Disconnect; never waits for long."""
        await within(STOP_LIMIT, self._consumer.stop())
