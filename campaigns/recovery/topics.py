"""Reading topics once, from a moment on to where they end: in no group.

Decides up to where to read; knows nothing of what records say.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from worker.config import KafkaSettings
from worker.edges.kafka import header_names
from worker.edges.kafka.client import STOP_LIMIT, connection, partitions_of, start, unreachable, within
from worker.edges.kafka.transactions import READ_COMMITTED

STALLED_SECONDS = 60.0
"""How long nothing may come although there is more: longer than a dead launcher's transaction stays open."""

_FETCH_MS = 300
_UNCOMMITTED = "read_uncommitted"


async def read_topic(
    settings: KafkaSettings, topic: str, since: datetime | None = None, *, committed: bool = True
) -> AsyncIterator[Any]:
    """Yield aiokafka's records of a topic, in order within each partition.

    It reads up to the high watermarks at the start, and not to the last stable offsets: those stand before
    anybody's open transaction, which may hide what has long been committed. So it waits until one has ended.

    Args:
        settings: How to reach Kafka.
        topic: Its name without the prefix.
        since: Begin with what came then; None: with the first record.
        committed: Whether only what is committed is meant; all else comes without waiting.

    Raises:
        KafkaUnreachableError: Kafka does not answer, or a transaction hides for too long what follows it.
    """
    async with _consumer(settings, READ_COMMITTED if committed else _UNCOMMITTED) as consumer:
        try:
            places = await partitions_of(consumer, settings.topic_prefix + topic)
            ends = await _ends(settings, places)
            consumer.assign(places)
            for place, offset in (await _begins(consumer, places, since, ends)).items():
                consumer.seek(place, offset)
            while await _is_before(consumer, ends):
                async with asyncio.timeout(STALLED_SECONDS):
                    found = await _next(consumer, ends)
                for records in found.values():
                    for record in records:
                        yield record
        except (KafkaError, OSError) as error:
            raise unreachable(settings, error) from error


async def _next(consumer: Any, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, list[Any]]:
    """Wait for records, or until a position has moved over what are none."""
    before = [await consumer.position(place) for place in ends]
    while True:
        found: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=_FETCH_MS)
        if found or [await consumer.position(place) for place in ends] != before:
            return found


async def _is_before(consumer: Any, ends: Mapping[TopicPartition, int]) -> bool:
    return any([await consumer.position(place) < end for place, end in ends.items()])


async def _ends(settings: KafkaSettings, places: list[TopicPartition]) -> dict[TopicPartition, int]:
    async with _consumer(settings, _UNCOMMITTED) as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
        return ends


async def _begins(
    consumer: Any, places: list[TopicPartition], since: datetime | None, ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    if since is None:
        firsts: dict[TopicPartition, int] = await consumer.beginning_offsets(places)
        return firsts
    wanted = dict.fromkeys(places, int(since.timestamp() * 1000))
    found = await consumer.offsets_for_times(wanted)
    return {place: ends[place] if found[place] is None else found[place].offset for place in places}


@asynccontextmanager
async def _consumer(settings: KafkaSettings, isolation_level: str) -> AsyncIterator[Any]:
    header_names.tolerate()
    made = AIOKafkaConsumer(
        **connection(settings),
        client_id="pushmill-recovery",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
        isolation_level=isolation_level,
    )
    try:
        await start(made, settings)
        yield made
    finally:
        await within(STOP_LIMIT, made.stop())
