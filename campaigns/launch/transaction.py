"""Writing exactly once: records, and the marker that says so, in one transaction.

The cursor of whatever is written lives in two places. The marker is right by construction: it is committed
with the records or not at all. Where the caller keeps it besides is only a copy, from which the reading of
markers begins. So it takes three steps to begin, and their order is the proof:

1. The producer starts. Its `transactional_id` is that of the slot's earlier holder, whom this fences: the
   earlier one's open transaction has ended, one way or the other, and it will never commit another.
2. The markers are read up to the high watermark, and so is every one that the earlier holder committed.
3. They are kept. Only then is anything written.

What a failed transaction came to is unknown, and asking it again is no way: a commit that timed out may still
be under way. So any error gives the claim up, and the next claim finds the answer in the markers.

Knows nothing of launches, nor of where cursors are kept.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.codec import zstd_encode
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from campaigns.launch.markers import FoundMarker, read_markers
from worker.config import KafkaSettings
from worker.edges.kafka.client import STOP_LIMIT, connection, mend_time_outs, within
from worker.records.envelope import Publication

log = structlog.get_logger(__name__)

TRANSACTION_TIMEOUT = 10.0
"""Seconds after which brokers abort the transaction of a holder that died: until then it holds back whatever
follows it in its partitions, unless a successor ends it sooner."""

CLAIM_LIMIT = 90.0
WRITE_LIMIT = 30.0
"""Seconds that a claim, and one transaction, may take."""

ZSTD_LEVEL = 1
"""aiokafka's default, 3, takes half as long again, and gets jobs no smaller. lz4 at its fastest takes half
of the time, for two fifths more bytes."""

MAX_REQUEST_BYTES = 4 << 20
MAX_BATCH_BYTES = 256 << 10

_FAILURES = (KafkaError, OSError, AssertionError)
"""What a producer raises once it is of no use. A fenced one says `ProducerFenced` at first; from then on, its
own state machine fails an assertion."""


class ClaimLostError(RuntimeError):
    """Nothing can be written before the next claim: another holder, a time-out, or Kafka away."""


class Cursors(Protocol):
    """Where the cursors of a slot are kept besides Kafka."""

    async def begin(self) -> int:
        """Return the offset from which on markers may be unknown; 0 to read all."""

    def is_marker(self, found: FoundMarker) -> bool:
        """Whether this is a marker; what is none hides none that stands before it under the same key."""

    async def keep(self, markers: Sequence[FoundMarker]) -> None:
        """Keep what markers say; they may be old, known, or about something else."""


class MarkedWriter:
    """The only writer under its name, or none: writes records exactly once.

    Args:
        settings: How to reach Kafka.
        name: What stands behind the topics' prefix in the `transactional_id`.
        slot: Decides the partition of the markers.
        cursors: Where cursors are kept.
    """

    def __init__(self, settings: KafkaSettings, name: str, slot: int, cursors: Cursors) -> None:
        self._settings = settings
        self._name = settings.topic_prefix + name
        self._slot = slot
        self._cursors = cursors
        self._producer: Any = None
        self._place: TopicPartition | None = None

    @property
    def claimed(self) -> bool:
        """Whether `write` may be called; nobody knows yet if somebody else has claimed since."""
        return self._place is not None

    async def claim(self) -> None:
        """Become the only writer, and learn what earlier ones have written.

        Raises:
            ClaimLostError: It did not come to that.
        """
        await self.release()
        async with self._claim_at_stake(CLAIM_LIMIT):
            self._producer = self._make_producer()
            await self._producer.start()
            begin = await self._cursors.begin()
            found = await read_markers(self._settings, self._slot, begin, self._cursors.is_marker)
            await self._cursors.keep([*found.newest.values()])
            self._place = found.place

    async def write(self, records: Sequence[Publication], marker: Publication) -> None:
        """Write records and their marker, all of them or none, and keep the marker's cursor.

        Args:
            records: They should be built already: a transaction that stays open holds others back.
            marker: Goes to the slot's partition.

        Raises:
            ClaimLostError: Whether they are written, the next claim will find out.
        """
        if self._place is None:
            raise ClaimLostError(f"{self._name} has not been claimed")
        async with self._claim_at_stake(WRITE_LIMIT):
            await self._producer.begin_transaction()
            sent = [await self._send(record) for record in records]
            sent.append(await self._send(marker, partition=self._place.partition))
            # A commit succeeds although records were refused: only their own futures tell.
            *_, marked = await _all(sent)
            await self._producer.commit_transaction()
            key, value = (marker.key or b"").decode(), marker.value or b""
            await self._cursors.keep([FoundMarker(key, value, marked.offset)])

    async def release(self) -> None:
        """Let go of the producer; never waits for long. What it has begun may end either way."""
        producer, self._producer, self._place = self._producer, None, None
        if producer is None:
            return
        await within(STOP_LIMIT, producer.stop())
        waiter = producer._txn_manager._transaction_waiter  # noqa: SLF001 - asyncio would log its error
        if waiter is not None and waiter.done() and not waiter.cancelled():
            waiter.exception()

    @asynccontextmanager
    async def _claim_at_stake(self, seconds: float) -> AsyncIterator[None]:
        """Give the claim up if anything fails in the block."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except BaseException as error:
            await self.release()
            if isinstance(error, _FAILURES):
                raise ClaimLostError(f"{self._name}: {type(error).__name__}: {error}") from error
            raise

    async def _send(self, record: Publication, partition: int | None = None) -> Any:
        return await self._producer.send(
            self._settings.topic_prefix + record.topic,
            record.value,
            key=record.key,
            partition=partition,
            headers=list(record.headers),
        )

    def _make_producer(self) -> Any:
        zstd_encode.__defaults__ = (ZSTD_LEVEL,)  # aiokafka has no option for it: aiokafka #1028
        made = AIOKafkaProducer(
            **connection(self._settings),
            client_id=f"pushmill-{self._name}",
            transactional_id=self._name,
            transaction_timeout_ms=int(TRANSACTION_TIMEOUT * 1000),
            acks="all",
            compression_type="zstd",
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=MAX_BATCH_BYTES,
        )
        mend_time_outs(made.client)
        return made


async def _all(futures: Iterable[Awaitable[Any]]) -> list[Any]:
    """Wait for all futures, so that no error goes unseen; raise the first."""
    ended = await asyncio.gather(*futures, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
    return ended
