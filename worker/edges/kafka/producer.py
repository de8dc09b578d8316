"""Writing records: each is acknowledged by all in-sync replicas, or the process restarts.

Decides what to do about a record that Kafka refuses. Knows nothing of what a record says.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from math import inf
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.codec import lz4_encode
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
)

from worker.config import KafkaSettings
from worker.edges.kafka.client import (
    STOP_LIMIT,
    KafkaStuckError,
    KafkaUnreachableError,
    connection,
    mend_time_outs,
    start,
    within,
)
from worker.records.dead_letter import cut
from worker.records.envelope import Publication
from worker.records.topics import DEAD_LETTERS

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.5
MAX_REQUEST_BYTES = 2 << 20
LZ4_LEVEL = 1
"""The fastest level: aiokafka's default, 9, takes four to eight times as long, and saves only a tenth of an
outcome's bytes and a fiftieth of a tier recipient's."""


class RecordProducer:
    """Publishes records and waits until all in-sync replicas have acknowledged them."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._settings = settings
        self._prefix = settings.topic_prefix
        self._client_id = client_id
        self._producer = self._make_producer()

    def _make_producer(self) -> AIOKafkaProducer:
        lz4_encode.__defaults__ = (LZ4_LEVEL,)  # aiokafka has no option for it: aiokafka #1028
        made = AIOKafkaProducer(
            **connection(self._settings),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=self._settings.kafka_enable_idempotence,
            compression_type="lz4",
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=256 << 10,
        )
        mend_time_outs(made.client)
        if not self._settings.kafka_enable_idempotence:
            # aiokafka would give a batch up once a request has timed out.
            made._message_accumulator._batch_ttl = inf  # noqa: SLF001 - aiokafka has no option for it
        return made

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachableError: No broker answers.
        """
        try:
            await start(self._producer, self._settings)
        except KafkaUnreachableError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Flush and disconnect; never waits for long."""
        await within(STOP_LIMIT, self._producer.stop())

    async def publish(self, publications: Iterable[Publication]) -> None:
        """Write records and wait until Kafka has acknowledged every one, however long that takes.

        A dead letter that is refused for its size is cut, and in the end dropped: an oversized record must
        not hold up what comes after it. An idempotent producer never gives up, so a record may land long
        after this was cancelled: the process must then end without flushing.

        Raises:
            KafkaStuckError: Kafka refused a record.
        """
        left = list(publications)
        try:
            while refused := await self._write(left):
                left = _replacements(refused)
                await self._restart()
        except KafkaError as error:
            raise KafkaStuckError(f"Kafka refuses records: {error}") from error

    async def _write(self, publications: list[Publication]) -> list[tuple[Publication, KafkaError]]:
        """Write records; return those that Kafka refused, with the error."""
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
        """Hand a record to the producer; return an awaitable for Kafka's acknowledgement."""
        while True:
            try:
                acknowledged: Awaitable[Any] = await self._producer.send(
                    self._prefix + publication.topic,
                    publication.value,
                    key=publication.key,
                    headers=list(publication.headers),
                )
            except KafkaTimeoutError:
                continue  # its partition's batch is full, and waits for Kafka: the record is not in it
            return acknowledged

    async def _restart(self) -> None:
        """Get a new producer id: aiokafka counted the refused record, so brokers would miss it forever."""
        old, self._producer = self._producer, self._make_producer()
        await within(STOP_LIMIT, old.stop())
        while not await self._started():  # noqa: ASYNC110 - no event says that a broker is back
            await asyncio.sleep(RETRY_SECONDS)

    async def _started(self) -> bool:
        try:
            await self._producer.start()
        except KafkaConnectionError:  # no broker answers at the moment; nothing is lost by waiting
            return False
        return True


def _replacements(refused: list[tuple[Publication, KafkaError]]) -> list[Publication]:
    """Return the records to write in place of those that were refused.

    Raises:
        KafkaError: A record was refused that nothing can replace.
    """
    too_large = any(isinstance(error, MessageSizeTooLargeError) for _, error in refused)
    replacements: list[Publication | None] = []
    for publication, error in refused:
        if isinstance(error, MessageSizeTooLargeError):
            replacements.append(_shorter(publication))
        elif too_large and isinstance(error, OutOfOrderSequenceNumber):
            replacements.append(publication)  # came after one that was too large
        else:
            raise error
    return [publication for publication in replacements if publication is not None]


def _shorter(publication: Publication) -> Publication | None:
    """Return what to write in place of a record that is too large: less of a dead letter, or None.

    Raises:
        MessageSizeTooLargeError: It is not a dead letter.
    """
    size = len(publication.value or b"")
    if publication.topic != DEAD_LETTERS:
        raise MessageSizeTooLargeError(
            f"{size} bytes are too large for {publication.topic}: raise its max.message.bytes"
        )
    shorter = cut(publication)
    if shorter is None:
        log.error("a dead letter is too large even after cutting; dropping it")
    else:
        log.warning("a dead letter is too large for its topic; cutting it", bytes=size)
    return shorter
