"""Reading the newest markers of a slot: what has been written, whoever wrote it.

Decides up to where to read; knows neither what a marker says nor who needs it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from worker.config import KafkaSettings
from worker.edges.kafka.client import STOP_LIMIT, connection, partitions_of, within
from worker.edges.kafka.transactions import READ_COMMITTED
from worker.records.topics import LAUNCHES

READ_LIMIT = 60.0
"""Seconds that the newest marker may take to come out from behind other programs' open transactions."""

_FETCH_MS = 300


class FoundMarker(NamedTuple):
    """A marker as it stands in Kafka."""

    key: str
    value: bytes
    offset: int


class SlotMarkers(NamedTuple):
    """What a slot's partition of the markers' topic holds.

    Attributes:
        place: The partition.
        newest: The newest marker of each key.
    """

    place: TopicPartition
    newest: dict[str, FoundMarker]


IsMarker = Callable[[FoundMarker], bool]
"""Tells a marker from what another program has written under the same key: that hides no marker before it."""


async def read_markers(settings: KafkaSettings, slot: int, begin: int, is_marker: IsMarker) -> SlotMarkers:
    """Read all markers of a slot's partition that were committed when this was called, from an offset on.

    Where to stop is the high watermark, as a reader of uncommitted records sees it, and not the last stable
    offset: that stands at the beginning of anybody's open transaction, which may hide a marker of this slot
    that has long been committed. So this waits until such a transaction has ended.

    The slot's earlier holder must have been fenced: else its last transaction may still be open.

    Args:
        settings: How to reach Kafka.
        slot: The slot; its partition is its number, modulo the number of partitions.
        begin: Where the newest marker is that is known; 0 to read all.
        is_marker: Whether what is found is a marker.

    Raises:
        KafkaError: Kafka does not answer.
        TimeoutError: An open transaction hides what follows it for too long.
    """
    place, end = await _high_watermark(settings, slot)
    consumer = _consumer(settings, READ_COMMITTED)
    newest: dict[str, FoundMarker] = {}
    try:
        await consumer.start()
        consumer.assign([place])
        first = (await consumer.beginning_offsets([place]))[place]
        consumer.seek(place, first_to_read(begin, first, end))
        async with asyncio.timeout(READ_LIMIT):
            while await consumer.position(place) < end:
                records = (await consumer.getmany(place, timeout_ms=_FETCH_MS)).get(place, ())
                newest |= newest_of(records, is_marker)
    finally:
        await within(STOP_LIMIT, consumer.stop())
    return SlotMarkers(place, newest)


def newest_of(records: Iterable[Any], is_marker: IsMarker) -> dict[str, FoundMarker]:
    """Return the newest marker of each key among records of a partition, which are in order."""
    found = (
        FoundMarker(record.key.decode(errors="replace"), record.value, record.offset)
        for record in records
        if record.key is not None and record.value is not None
    )
    return {each.key: each for each in found if is_marker(each)}


def first_to_read(kept: int, first: int, end: int) -> int:
    """Return where to begin to read: at the newest marker that was kept, or at the beginning.

    A log that ends before what was kept of it is another one: its topic has been made anew.

    Args:
        kept: Offset of the newest marker that was kept; 0 if there is none.
        first: The log's first offset.
        end: The offset behind its last record.
    """
    return kept if first <= kept < end else first


async def _high_watermark(settings: KafkaSettings, slot: int) -> tuple[TopicPartition, int]:
    consumer = _consumer(settings, "read_uncommitted")
    try:
        await consumer.start()
        partitions = await partitions_of(consumer, settings.topic_prefix + LAUNCHES)
        place = partitions[slot % len(partitions)]
        return place, (await consumer.end_offsets([place]))[place]
    finally:
        await within(STOP_LIMIT, consumer.stop())


def _consumer(settings: KafkaSettings, isolation_level: str) -> Any:
    return AIOKafkaConsumer(
        **connection(settings),
        client_id="pushmill-markers",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
        isolation_level=isolation_level,
    )
