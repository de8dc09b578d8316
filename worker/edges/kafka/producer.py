"""Writing records: acknowledged by all in-sync replicas, or the process starts anew."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.codec import lz4_encode
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, OutOfOrderSequenceNumber

from worker.config import KafkaSettings
from worker.edges.kafka.client import (
    ANSWER_LIMIT,
    STOP_LIMIT,
    KafkaStuckError,
    connection,
    unreachable,
    within,
)
from worker.records.dead_letter import cut
from worker.records.envelope import Publication
from worker.records.topics import DEAD_LETTERS

log = structlog.get_logger(__name__)

MAX_REQUEST_BYTES = 2 << 20
LZ4_LEVEL = 1
"""The fast one: aiokafka's own, 9, takes four to eight times as long, and saves a tenth of an outcome's bytes
and a fiftieth of those of a recipient in a tier."""


class RecordProducer:
    """The producer: what is published is acknowledged by all in-sync replicas, or the process starts anew."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._settings = settings
        self._prefix = settings.topic_prefix
        self._client_id = client_id
        self._producer = self._make_producer()

    def _make_producer(self) -> AIOKafkaProducer:
        lz4_encode.__defaults__ = (LZ4_LEVEL,)  # no option leads there: aiokafka's issue 1028
        return AIOKafkaProducer(
            **connection(self._settings),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=self._settings.kafka_enable_idempotence,
            compression_type="lz4",
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=256 << 10,
        )

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachableError: No broker answers.
        """
        try:
            await self._producer.start()
        except (KafkaError, OSError) as error:
            await self.stop()
            raise unreachable(self._settings, error) from error

    async def stop(self) -> None:
        """Disconnect; what is not acknowledged by now is not waited for long."""
        await within(STOP_LIMIT, self._producer.stop())

    async def publish(self, publications: Iterable[Publication]) -> None:
        """Write records and wait until Kafka has acknowledged every one.

        A dead letter that is refused for its size is cut, and in the end left out: whoever writes records of
        any size must not hold up what lies behind them.

        Raises:
            KafkaStuckError: It has not in time, or refuses one. An idempotent producer never gives up by
                itself, and a record may still land later: the process must end without flushing.
        """
        left = list(publications)
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                while refused := await self._write(left):
                    left = _mended(refused)
                    await self._begin_anew()
        except TimeoutError as error:
            raise KafkaStuckError(f"records were not acknowledged within {ANSWER_LIMIT:g} s") from error
        except KafkaError as error:
            raise KafkaStuckError(f"Kafka refuses records: {error}") from error

    async def _write(self, publications: list[Publication]) -> list[tuple[Publication, KafkaError]]:
        """Write records; returns those that are refused, and why."""
        refused: list[tuple[Publication, KafkaError]] = []
        sent: list[tuple[Publication, Awaitable[Any]]] = []
        for publication in publications:
            try:
                sent.append((publication, await self._send(publication)))
            except MessageSizeTooLargeError as error:
                refused.append((publication, error))
        for publication, acknowledged in sent:
            try:
                await acknowledged
            except KafkaError as error:
                refused.append((publication, error))
        return refused

    async def _send(self, publication: Publication) -> Awaitable[Any]:
        """Hand a record to the producer; what is returned waits for Kafka's acknowledgement."""
        acknowledged: Awaitable[Any] = await self._producer.send(
            self._prefix + publication.topic,
            publication.value,
            key=publication.key,
            headers=list(publication.headers),
        )
        return acknowledged

    async def _begin_anew(self) -> None:
        """Go on with another producer id: aiokafka counts what was refused, and brokers miss it for good."""
        old, self._producer = self._producer, self._make_producer()
        await within(STOP_LIMIT, old.stop())
        await self._producer.start()


def _mended(refused: list[tuple[Publication, KafkaError]]) -> list[Publication]:
    """What to write in place of what was refused.

    Raises:
        KafkaError: There is nothing else to write.
    """
    too_large = any(isinstance(error, MessageSizeTooLargeError) for _, error in refused)
    mended: list[Publication | None] = []
    for publication, error in refused:
        if isinstance(error, MessageSizeTooLargeError):
            mended.append(_shorter(publication))
        elif too_large and isinstance(error, OutOfOrderSequenceNumber):
            mended.append(publication)  # stood behind one that was too large
        else:
            raise error
    return [publication for publication in mended if publication is not None]


def _shorter(publication: Publication) -> Publication | None:
    """What to write in place of a record that is too large: less of a dead letter, in the end nothing.

    Raises:
        MessageSizeTooLargeError: It is no dead letter.
    """
    size = len(publication.value or b"")
    if publication.topic != DEAD_LETTERS:
        raise MessageSizeTooLargeError(
            f"{size} bytes are too large for {publication.topic}: raise its max.message.bytes"
        )
    shorter = cut(publication)
    if shorter is None:
        log.error("a dead letter is refused for its size, cut as it is, and left out")
    else:
        log.warning("a dead letter is too large for its topic and is cut", bytes=size)
    return shorter
