"""Noticing that Kafka no longer has what was to be read next, which aiokafka answers with a silent new start.

It reads on from the partition's first record: what retention removed meanwhile is lost, and what a shorter
log has anew is read again. Knows nothing of what is read or committed.
"""

from collections.abc import Callable, Iterator
from typing import Any

from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition


def listen_to(client: Any, heard: Callable[[TopicPartition], None]) -> None:
    """Look at what a consumer's client of aiokafka is answered from now on.

    Args:
        client: The consumer's own.
        heard: Called for each partition that is read from its beginning from now on.
    """
    send = client.send

    async def send_and_look(node: int, request: Any, **options: Any) -> Any:
        answer = await send(node, request, **options)
        if isinstance(request, FetchRequest):
            for place in _out_of_range(answer):
                heard(place)
        return answer

    client.send = send_and_look


def _out_of_range(answer: Any) -> Iterator[TopicPartition]:
    for topic, partitions in answer.topics:
        for number, code, *_ in partitions:
            if code == OffsetOutOfRangeError.errno:
                yield TopicPartition(topic, number)
