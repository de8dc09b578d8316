"""One pass over a topic, with a consumer that answers as aiokafka does."""

from types import SimpleNamespace

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from worker.edges.kafka import scan
from worker.edges.kafka.client import KafkaUnreachableError
from worker.edges.kafka.scan import NoPartitionError, TopicScan


class Consumer:
    """Stands in for AIOKafkaConsumer: `logs` holds each partition's offsets, which may have gaps."""

    def __init__(self, logs, ends=None, fails=None):
        self.logs, self.ends, self.fails = logs, ends or {}, fails
        self.at = {}
        self.held = set()
        self.stopped = False
        self._client = SimpleNamespace(_wait_on_metadata=self._told)

    async def _told(self, _topic):
        if not self.logs:
            raise UnknownTopicOrPartitionError
        return set(self.logs)

    async def start(self):
        if isinstance(self.fails, KafkaConnectionError):
            raise self.fails

    async def stop(self):
        self.stopped = True

    def assign(self, partitions):
        self.at = dict.fromkeys(partitions, 0)

    async def beginning_offsets(self, partitions):
        return {each: (self.logs[each.partition] or [self.end(each)])[0] for each in partitions}

    async def end_offsets(self, partitions):
        return {each: self.end(each) for each in partitions}

    def end(self, partition):
        log = self.logs[partition.partition]
        return self.ends.get(partition.partition, log[-1] + 1 if log else 0)

    def seek(self, partition, offset):
        self.at[partition] = offset

    def pause(self, *partitions):
        self.held |= set(partitions)

    def paused(self):
        return self.held

    async def position(self, partition):
        return self.at[partition]

    async def getmany(self, *partitions, timeout_ms, max_records):
        if self.fails:
            raise self.fails
        found = {}
        for partition in partitions:
            log = [offset for offset in self.logs[partition.partition] if offset >= self.at[partition]][:2]
            if log:
                found[partition] = [
                    SimpleNamespace(offset=offset, partition=partition.partition) for offset in log
                ]
                self.at[partition] = log[-1] + 1
            elif self.at[partition] < self.end(partition) and partition.partition in self.ends:
                self.at[partition] = self.ends[partition.partition]  # over what is no record
        return found


@pytest.fixture
def made(settings, monkeypatch):
    """Return a function that makes a scan over some logs, and starts it."""

    async def make(logs, begin=None, *, ends=None, fails=None, **options):
        consumer = Consumer(logs, ends, fails)
        monkeypatch.setattr(scan, "AIOKafkaConsumer", lambda **_: consumer)
        new = TopicScan(settings, "dead-letters")
        await new.start(begin, **options)
        return new, consumer

    return make


async def read(new):
    found = []
    async for records in new.batches():
        assert len({record.partition for record in records}) == 1
        found += [(record.partition, record.offset) for record in records]
    return found


async def test_every_record_that_is_there_at_the_start_once_and_in_order(made):
    new, consumer = await made({0: [3, 4, 5], 1: [], 2: [0]})
    consumer.ends = {0: 6, 1: 0, 2: 1}  # fixed; what is added now is not read
    consumer.logs[2].append(1)
    consumer.logs[1].append(0)
    assert sorted(await read(new)) == [(0, 3), (0, 4), (0, 5), (2, 0)]
    assert new.positions == {0: 6, 1: 0, 2: 1}
    assert new.bounds == {0: (3, 6), 1: (0, 0), 2: (0, 1)}
    assert new.has_all


async def test_offsets_without_a_record_are_passed_over(made):
    new, _ = await made({0: [0, 7], 1: [2]}, ends={0: 9, 1: 5})
    assert sorted(await read(new)) == [(0, 0), (0, 7), (1, 2)]


async def test_from_an_offset_and_the_newest(made):
    new, _ = await made({0: [3, 4, 5], 1: [0, 1]}, {0: 5})
    assert sorted(await read(new)) == [(0, 5), (1, 0), (1, 1)]
    new, _ = await made({0: [3, 4, 5], 1: [0]}, newest=2)
    assert sorted(await read(new)) == [(0, 4), (0, 5), (1, 0)]
    assert not new.has_all
    new, _ = await made({0: [3]}, {0: 99})
    assert await read(new) == []


async def test_only_one_partition(made):
    new, _ = await made({0: [0], 1: [0]})
    new.only(1)
    assert await read(new) == [(1, 0)]


async def test_a_batch_counts_as_dealt_with_once_the_next_one_is_asked_for(made):
    new, _ = await made({0: [0, 1, 2]})
    batches = new.batches()
    await anext(batches)
    assert new.positions == {0: 0}
    await anext(batches)
    assert new.positions == {0: 2}
    await batches.aclose()


async def test_a_partition_that_is_not_there(made):
    with pytest.raises(NoPartitionError, match=r"push.dead-letters has no partition 7, only 2 from 0 on"):
        await made({0: [], 1: []}, {7: 0})


@pytest.mark.parametrize("error", [KafkaConnectionError(), TopicAuthorizationFailedError(), OSError()])
async def test_kafka_that_does_not_answer(made, error):
    with pytest.raises(KafkaUnreachableError, match="cannot use Kafka"):
        await read((await made({0: [0]}, fails=error))[0])


async def test_a_topic_that_no_broker_tells_of_does_not_pass_for_an_empty_one(made):
    with pytest.raises(KafkaUnreachableError, match="cannot use Kafka"):
        await made({})


async def test_records_that_never_come(made, monkeypatch):
    times = iter(range(0, 1000, 10))
    monkeypatch.setattr(scan.clock, "monotonic", lambda: float(next(times)))
    new, consumer = await made({0: [0]})
    consumer.logs[0].clear()
    consumer.end = lambda _: 1
    with pytest.raises(KafkaUnreachableError, match=r"has sent nothing of push\.dead-letters for 30 s"):
        await read(new)


def test_any_header_name_can_be_read_before_the_first_record_is(settings, monkeypatch):
    seen = []
    monkeypatch.setattr(scan.header_names, "tolerate", lambda: seen.append("tolerate"))
    monkeypatch.setattr(scan, "AIOKafkaConsumer", lambda **_: seen.append("consumer"))
    TopicScan(settings, "dead-letters")
    assert seen == ["tolerate", "consumer"]
