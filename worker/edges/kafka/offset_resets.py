"""Noticing that Kafka no longer has the next offset, after which aiokafka silently starts over.

It resumes at the partition's earliest record: records that retention has removed are lost, and a recreated
log is read from its beginning. Knows nothing of what is read or committed.
"""

from collections.abc import Callable, Iterator
from typing import Any

from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition


def listen_to(client: Any, on_reset: Callable[[TopicPartition], None]) -> None:
    """Watch the answers that a consumer's aiokafka client receives from now on.

    Args:
        client: The consumer's client.
        on_reset: Called with each partition that resumes at its earliest record.
    """
    send = client.send

    async def send_and_look(node: int, request: Any, **options: Any) -> Any:
        answer = await send(node, request, **options)
        if isinstance(request, FetchRequest):
            for partition in _out_of_range(answer):
                on_reset(partition)
        return answer

    client.send = send_and_look


def _out_of_range(answer: Any) -> Iterator[TopicPartition]:
    for topic, partitions in answer.topics:
        for number, code, *_ in partitions:
            if code == OffsetOutOfRangeError.errno:
                yield TopicPartition(topic, number)
