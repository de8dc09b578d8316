"""What transactions leave in a partition: offsets that hold no record, and records that nobody may read yet.

Says what aiokafka's consumer has come to know of both. Knows neither who writes in transactions nor what a
record says.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

READ_COMMITTED = "read_committed"
"""What every consumer of ours reads: no record of a transaction that was aborted, or is still open."""


class Held(NamedTuple):
    """What an open transaction holds back in a partition.

    Attributes:
        records: How many, the transaction's own included: the high watermark less the last stable offset.
        start: The last stable offset: where the oldest open transaction begins.
    """

    records: int
    start: int


NOTHING = Held(0, -1)


def held(consumer: AIOKafkaConsumer, place: TopicPartition) -> Held:
    """Return what an open transaction held back in a partition at its last fetch."""
    end, stable = consumer.highwater(place), consumer.last_stable_offset(place)
    known = end is not None and stable is not None and 0 <= stable < end
    return Held(end - stable, stable) if known else NOTHING


def passed(
    consumer: AIOKafkaConsumer, after: Mapping[TopicPartition, int]
) -> Iterator[tuple[TopicPartition, int, int]]:
    """Yield what was read and held no record: (partition, first offset, offset after the last).

    Markers and aborted records are read without being handed out: only the position shows it.

    Args:
        consumer: Must have partitions.
        after: For each partition, the offset after the last record that was handed out.
    """
    assignment: Any = consumer._subscription.subscription.assignment  # noqa: SLF001 - `position` may wait
    for place, first in after.items():
        state = assignment.state_value(place)
        # What waits there may be an error, for which aiokafka has stepped over a record.
        waits = place in consumer._fetcher._records  # noqa: SLF001 - not public
        if state is not None and state.has_valid_position and state.position > first and not waits:
            yield place, first, state.position
