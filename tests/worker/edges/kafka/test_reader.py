"""Reading a whole topic, with a client that behaves as aiokafka has been seen to."""

import pytest
from aiokafka.errors import UnknownTopicOrPartitionError

from worker.edges.kafka import reader
from worker.edges.kafka.client import KafkaUnreachableError
from worker.edges.kafka.reader import TopicReader


class Consumer:
    """One whose brokers are away when it asks for the topic's partitions."""

    def __init__(self, **_):
        self._client = self

    async def start(self): ...

    async def add_topic(self, _topic):
        return False  # is all that aiokafka says

    async def _wait_on_metadata(self, _topic):
        raise UnknownTopicOrPartitionError

    def partitions_for_topic(self, _topic):
        return None

    def assign(self, partitions): ...

    def pause(self, *partitions): ...

    async def seek_to_beginning(self, *partitions): ...

    async def end_offsets(self, _partitions):
        return {}


async def test_a_topic_that_no_broker_tells_of_is_not_an_empty_one(settings, monkeypatch):
    monkeypatch.setattr(reader, "AIOKafkaConsumer", Consumer)
    with pytest.raises(KafkaUnreachableError):
        await TopicReader(settings, "control", lambda *_: None).read_to_end()
