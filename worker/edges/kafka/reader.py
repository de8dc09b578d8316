"""Reading a whole topic outside any consumer group: to its current end, then whatever is added.

Where somebody's transaction is open, what can be read ends where it begins, and goes on once it has ended.
Knows nothing of what the records say.
"""

from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from worker.config import KafkaSettings
from worker.edges.kafka import header_names
from worker.edges.kafka.client import STOP_LIMIT, connection, partitions_of, unreachable, within
from worker.edges.kafka.transactions import READ_COMMITTED, Held, held

_FETCH_MS = 300

Take = Callable[[bytes | None, bytes | None], None]


class TopicReader:
    """Reads all partitions of one topic; calls `take` with each record's key and value."""

    def __init__(self, settings: KafkaSettings, topic: str, take: Take) -> None:
        self._settings = settings
        self._topic = settings.topic_prefix + topic
        self._take = take
        self._partitions: list[TopicPartition] = []
        header_names.tolerate()
        self._consumer = AIOKafkaConsumer(
            **connection(settings),
            client_id=f"pushmill-{topic}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
            isolation_level=READ_COMMITTED,
        )

    async def read_to_end(self) -> None:
        """Read to the current end of the topic, or of what may be read of it, then pause.

        Raises:
            KafkaUnreachableError: No broker answers.
        """
        try:
            await self._consumer.start()
            self._partitions = await partitions_of(self._consumer, self._topic)
            self._consumer.assign(self._partitions)
            await self._consumer.seek_to_beginning(*self._partitions)
            # When only committed records are read, these are the last stable offsets: never behind a
            # transaction that stays open, for which this would wait without end.
            ends = await self._consumer.end_offsets(self._partitions)
            while await self._is_before(ends):
                await self._read()
        except (KafkaError, OSError) as error:
            raise unreachable(self._settings, error) from error
        self._consumer.pause(*self._partitions)

    async def poll(self) -> None:
        """Read what has been added, then pause.

        Nothing is fetched while paused: an idle consumer keeps some brokers busy for nothing.

        Raises:
            KafkaError: The broker does not answer; worth another try.
        """
        self._consumer.resume(*self._partitions)
        try:
            await self._read()
        finally:
            self._consumer.pause(*self._partitions)

    def held(self) -> dict[int, Held]:
        """Return, by partition number, what waited behind an open transaction when it was last read."""
        return {place.partition: held(self._consumer, place) for place in self._partitions}

    async def stop(self) -> None:
        """Disconnect; never waits for long."""
        await within(STOP_LIMIT, self._consumer.stop())

    async def _is_before(self, ends: dict[TopicPartition, int]) -> bool:
        return any([await self._consumer.position(partition) < end for partition, end in ends.items()])

    async def _read(self) -> None:
        found: dict[TopicPartition, list[Any]] = await self._consumer.getmany(timeout_ms=_FETCH_MS)
        for records in found.values():
            for record in records:
                self._take(record.key, record.value)
