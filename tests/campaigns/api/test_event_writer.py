import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from campaigns.adapters.service import EventsLostError
from campaigns.api import event_writer
from campaigns.api.event_writer import EventWriter
from campaigns.model.events import EventKind, EventRecord, decode_event
from tests.harness.waiting import until
from worker.config import KafkaSettings
from worker.edges.kafka.client import KafkaStuckError, KafkaUnreachableError
from worker.records.envelope import Publication

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
EVENT = EventRecord(
    v=1,
    site_id="site_1",
    launch_id="launch_1_aaaaaaaa",
    subscriber_id="sub_1",
    kind=EventKind.SHOWN,
    button=None,
    at=NOW,
    received_at=NOW,
)


class Producer:
    """Stands in for the real one; what it does is set on the class, for those made later, too."""

    made: list["Producer"]
    starts: list[bool]
    """Whether the next ones find Kafka; then all do."""

    def __init__(self, *_: object) -> None:
        self.made.append(self)
        self.published: list[Publication] = []
        self.stopped = False
        self.answer: Any = None

    async def start(self) -> None:
        if self.starts and not self.starts.pop(0):
            raise KafkaUnreachableError("cannot use Kafka")

    async def publish(self, publications: list[Publication]) -> None:
        if self.answer is not None:
            await self.answer()
        self.published += publications

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture(autouse=True)
def _producers(monkeypatch):
    monkeypatch.setattr(Producer, "made", [], raising=False)
    monkeypatch.setattr(Producer, "starts", [], raising=False)
    monkeypatch.setattr(event_writer, "RecordProducer", Producer)
    monkeypatch.setattr(event_writer, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(event_writer, "WRITE_SECONDS", 0.05)


async def connected(writer: EventWriter) -> Producer:
    await until(lambda: writer.is_connected, "Kafka is reached")
    return Producer.made[-1]


async def test_an_event_is_a_record_of_its_subscriber():
    async with EventWriter(KafkaSettings()) as writer:
        producer = await connected(writer)
        await writer.write([EVENT])
        [record] = producer.published
    assert (record.topic, record.key) == ("events", b"sub_1")
    assert decode_event(record.value or b"") == EVENT
    assert producer.stopped


async def test_kafka_is_looked_for_until_it_is_there_and_told_of_once(monkeypatch):
    monkeypatch.setattr(Producer, "starts", [False, False, False])
    with capture_logs() as logs:
        async with EventWriter(KafkaSettings()) as writer:
            with pytest.raises(EventsLostError):
                await writer.write([EVENT])
            await connected(writer)
    assert [line["event"] for line in logs] == [
        "no events can be taken until Kafka is there",
        "connected to Kafka; events can be taken",
    ]


async def test_kafka_that_does_not_answer_is_not_waited_for():
    async with EventWriter(KafkaSettings()) as writer:
        producer = await connected(writer)
        producer.answer = asyncio.Event().wait
        with pytest.raises(EventsLostError):
            await writer.write([EVENT])
        producer.answer = None
        await writer.write([EVENT])
        assert len(producer.published) == 1


async def test_a_producer_that_is_stuck_is_replaced():
    async def stuck() -> None:
        raise KafkaStuckError("Kafka refuses records")

    async with EventWriter(KafkaSettings()) as writer:
        old = await connected(writer)
        old.answer = stuck
        results = await asyncio.gather(*(writer.write([EVENT]) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, EventsLostError) for each in results)
        await until(lambda: writer.is_connected, "another one is connected")
        await writer.write([EVENT])
    assert old.stopped
    assert len(Producer.made) == 2
