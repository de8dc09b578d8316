"""Writing records, with a producer that behaves as aiokafka has been seen to."""

import asyncio
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from aiokafka.codec import lz4_decode, lz4_encode
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    OutOfOrderSequenceNumber,
)
from aiokafka.producer.sender import SendProduceReqHandler
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from worker.config import load_settings
from worker.edges.kafka import producer as edge
from worker.edges.kafka.client import KafkaStuckError
from worker.edges.kafka.producer import RecordProducer
from worker.records.dead_letter import DEAD_LETTER_KEPT_BYTES, LETTER_HEADERS, TRUNCATED
from worker.records.envelope import Publication
from worker.records.topics import DEAD_LETTERS


class Producer:
    """Stands in for AIOKafkaProducer: a refused record leaves a gap, after which the broker takes no more."""

    made: ClassVar[list["Producer"]] = []
    limit = 1_048_588

    def __init__(self, **_: Any) -> None:
        self.made.append(self)
        self.client = SimpleNamespace(send=None)
        self.acknowledged: asyncio.Future[None] | None = None
        self.written: list[Publication] = []
        self.broken = False
        self.running = True

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def send(self, topic: str, value: bytes, *, key: Any, headers: Any) -> asyncio.Future[None]:
        assert self.running
        size = len(value or b"") + len(key or b"") + sum(len(text) for _, text in headers)
        if size > edge.MAX_REQUEST_BYTES:
            raise MessageSizeTooLargeError
        if self.acknowledged is not None:
            return self.acknowledged
        answer = asyncio.get_running_loop().create_future()
        if size > self.limit:
            self.broken = True
            answer.set_exception(MessageSizeTooLargeError())
        elif self.broken:
            answer.set_exception(OutOfOrderSequenceNumber())
        else:
            answer.set_result(None)
            self.written.append(Publication(topic, key, value, tuple(headers)))
        return answer


@pytest.fixture
async def producer(settings, monkeypatch):
    monkeypatch.setattr(edge, "AIOKafkaProducer", Producer)
    monkeypatch.setattr(Producer, "made", [])
    return RecordProducer(settings, "pushmill-pod-0")


def written() -> list[Publication]:
    return [publication for made in Producer.made for publication in made.written]


def answers_with(producer: RecordProducer, error: Exception | None = None) -> None:
    producer._producer.acknowledged = asyncio.get_running_loop().create_future()
    if error is not None:
        producer._producer.acknowledged.set_exception(error)


def test_what_is_written_is_compressed_at_the_fast_level_of_lz4(producer):
    codec = DefaultRecordBatch.CODEC_LZ4
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, edge.MAX_REQUEST_BYTES)
    builder.append(0, 0, None, b"".join(b"outcome %d of %d" % (n, n * n) for n in range(100)), [])
    batch = bytes(builder.build())
    packed = batch[batch.index(b"\x04\x22\x4d\x18") :]  # the magic number of an lz4 frame
    fast, thorough = (lz4_encode(lz4_decode(packed), level) for level in (edge.LZ4_LEVEL, 9))
    assert packed == fast != thorough


async def test_a_record_that_finds_its_batch_full_for_long_is_written_once_there_is_room(
    producer, monkeypatch
):
    """Three minutes without Kafka: aiokafka gives such a record up after its request time-out."""
    full = [KafkaTimeoutError()] * 12
    send = producer._producer.send

    async def send_when_there_is_room(*record: Any, **more: Any) -> Any:
        if full:
            raise full.pop()
        return await send(*record, **more)

    monkeypatch.setattr(producer._producer, "send", send_when_there_is_room)
    await producer.publish([OUTCOME])
    assert [each.value for each in written()] == [OUTCOME.value]


@pytest.mark.parametrize("idempotence", ["true", "false"])
async def test_no_record_is_given_up_while_kafka_is_away(tmp_path, idempotence):
    """Judged by aiokafka itself, whose producers without idempotence give up after the request time-out."""
    made = RecordProducer(
        load_settings(
            {
                "PUSHMILL_VAPID_DIR": str(tmp_path),
                "PUSHMILL_VAPID_SUBJECT": "mailto:x@example.com",
                "PUSHMILL_KAFKA_ENABLE_IDEMPOTENCE": idempotence,
            }
        ),
        "pushmill-pod-0",
    )._producer
    try:
        batch = made._message_accumulator._append_batch(
            made._message_accumulator.create_builder(), TopicPartition("t", 0)
        )
        batch._ctime -= 3600.0
        handler = SendProduceReqHandler(made._sender, {})
        assert handler._can_retry(NotEnoughReplicasError(), batch)
    finally:
        await made.stop()


async def test_records_that_are_refused_mean_that_kafka_is_stuck(producer):
    answers_with(producer, KafkaConnectionError("no"))
    with pytest.raises(KafkaStuckError, match="refuses records"):
        await producer.publish([Publication("outcomes", None, b"{}", ())])


OUTCOME = Publication("outcomes", b"j", b"{}", ())
HEADERS = tuple((name, b"x") for name in LETTER_HEADERS)


async def test_what_fits_is_written_once_as_it_is(producer):
    letter = Publication(DEAD_LETTERS, b"k", b"x" * 1_000_000, (("own", b"1"), *HEADERS))
    await producer.publish([letter, OUTCOME])
    assert [each.value for each in written()] == [letter.value, OUTCOME.value]
    assert len(Producer.made) == 1


@pytest.mark.parametrize(
    ("key", "size", "own"),
    [(b"k", 1_500_000, b""), (b"k", 3_000_000, b""), (b"k" * 1_200_000, 9, b""), (None, 9, b"x" * 2_100_000)],
    ids=["the broker", "the producer", "a key", "headers"],
)
async def test_a_dead_letter_that_is_too_large_is_cut_and_holds_up_nothing(producer, key, size, own):
    letter = Publication(DEAD_LETTERS, key, b"x" * size, (("own", own), *HEADERS))
    await producer.publish([letter, OUTCOME])
    cut, other = sorted(written(), key=lambda each: each.topic)
    assert other.value == OUTCOME.value
    assert cut == Publication(
        f"push.{DEAD_LETTERS}",
        None,
        b"x" * min(size, DEAD_LETTER_KEPT_BYTES),
        (*HEADERS, (TRUNCATED, str(size).encode())),
    )
    assert [made.running for made in Producer.made] == [False, True]
    await producer.publish([OUTCOME])
    assert len(written()) == 3


async def test_a_new_producer_is_started_until_a_broker_answers(producer, monkeypatch):
    """Without Kafka at that very moment, what the others of the checkpoint cover would be sent again."""
    monkeypatch.setattr(edge, "RETRY_SECONDS", 0.0)
    away = [KafkaConnectionError("Unable to bootstrap")] * 5
    start = Producer.start

    async def start_once_there_is_a_broker(self: Producer) -> None:
        if away:
            raise away.pop()
        await start(self)

    monkeypatch.setattr(Producer, "start", start_once_there_is_a_broker)
    await producer.publish([Publication(DEAD_LETTERS, b"k", b"x" * 1_500_000, HEADERS), OUTCOME])
    assert sum(each.value == OUTCOME.value for each in written()) == 1
    assert not away


@pytest.mark.parametrize(("limit", "left"), [(1000, b""), (8, None)])
async def test_one_that_is_refused_again_is_emptied_and_then_left_out(producer, monkeypatch, limit, left):
    monkeypatch.setattr(Producer, "limit", limit)
    await producer.publish([Publication(DEAD_LETTERS, None, b"x" * 2000, HEADERS), OUTCOME])
    assert [each.value for each in written() if DEAD_LETTERS in each.topic] == (
        [] if left is None else [left]
    )
    assert sum(each.value == OUTCOME.value for each in written()) == 1


async def test_anything_else_that_is_too_large_names_its_topic(producer):
    with pytest.raises(KafkaStuckError, match=r"1500000 bytes are too large for outcomes: raise its max"):
        await producer.publish([Publication("outcomes", None, b"x" * 1_500_000, ())])
