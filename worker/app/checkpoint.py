"""The only commit (decision 7): publishes what has settled, then commits it, then counts it as done.

Decides when a checkpoint is due, and keeps that order. Knows neither what a checkpoint holds nor what happens
when the partitions turn out to be lost, which is a callback.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from worker.app.dispatch import Dispatcher
from worker.app.watch import Watch
from worker.edges import clock
from worker.edges.kafka.client import KafkaStuckError, PartitionsLostError
from worker.edges.kafka.consumer import GroupConsumer
from worker.edges.kafka.producer import RecordProducer
from worker.ledger.lease import Lease
from worker.ledger.patience import Patience
from worker.pipeline.pipeline import Pipeline
from worker.records.envelope import Commit, Partition

log = structlog.get_logger(__name__)

RENEW_SECONDS = 0.5
"""Longest time between checkpoints while something is open, so that the lease of 1 s does not run out."""


class Checkpointer:
    """Makes what has settled durable, one checkpoint at a time.

    Args:
        consumer: Commits offsets.
        producer: Publishes records.
        pipeline: Knows what has settled.
        dispatcher: Woken when a checkpoint has made room.
        watch: Reports each checkpoint.
        lease: Renewed by each acknowledged commit.
        patience: Decides how long Kafka has to acknowledge; `reconsider` after it has changed.
        owns: Returns whether partitions are assigned.
        lost: Called when Kafka refuses a commit because the partitions belong to another worker.
        wanted: Set to ask for a checkpoint before the interval is over.
        interval: Seconds between checkpoints.
    """

    def __init__(
        self,
        consumer: GroupConsumer,
        producer: RecordProducer,
        pipeline: Pipeline,
        dispatcher: Dispatcher,
        watch: Watch,
        *,
        lease: Lease,
        patience: Patience,
        owns: Callable[[], bool],
        lost: Callable[[], None],
        wanted: asyncio.Event,
        interval: float,
    ) -> None:
        self._lock = asyncio.Lock()
        self._consumer = consumer
        self._producer = producer
        self._pipeline = pipeline
        self._dispatcher = dispatcher
        self._watch = watch
        self._lease = lease
        self._patience = patience
        self._owns = owns
        self._lost = lost
        self._wanted = wanted
        self._interval = interval
        self._stuck: KafkaStuckError | None = None
        self._asked_at, self._for_records = 0.0, False
        self._limit: asyncio.Timeout | None = None
        self._checkpointed_at = 0.0

    async def run(self) -> None:
        """Make checkpoints until cancelled: one each interval, or at once when one is wanted.

        Raises:
            KafkaStuckError: Kafka did not acknowledge: the process must end without flushing.
        """
        while True:
            try:
                async with asyncio.timeout(self._interval):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            if self._owns():
                await self.checkpoint_or_lose()

    async def checkpoint_or_lose(self) -> None:
        """Make a checkpoint; call `lost` if the partitions turn out to belong to another worker.

        Raises:
            KafkaStuckError: Kafka did not acknowledge: the process must end without flushing.
        """
        try:
            await self.checkpoint()
        except PartitionsLostError:
            log.warning("Kafka refused a checkpoint: the group has moved on; dropping everything open")
            self._lost()

    async def checkpoint(self, *, last: bool = False) -> None:
        """Publish what has settled, then commit it, then count it as done: never in another order.

        Args:
            last: Whether this process is about to let go, so that nothing is kept back for later.

        Raises:
            PartitionsLostError: Kafka refused the commit.
            KafkaStuckError: Kafka did not acknowledge: the process must end without flushing.
        """
        async with self.turn():
            if not (last or self._pipeline.unacknowledged or self._renewal_due()):
                return
            began = clock.stopwatch()
            for partition, first, stop in self._consumer.passed():
                self._pipeline.skip(partition, first, stop)
            await self._make_sure()
            batch = self._pipeline.checkpoint(clock.now(), last=last)
            if batch is None:
                return
            await self._answer(self._producer.publish(batch.publications), records=True)
            asked_at = clock.monotonic()
            if batch.checkpoint:
                await self._commit(batch.checkpoint.commits, asked_at)
            self._pipeline.acknowledge(batch)
            self._checkpointed_at = asked_at
        self._dispatcher.wake()
        self._watch.checkpoint(batch, asked_at, clock.stopwatch() - began)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Allow one checkpoint at a time, and none after one that Kafka did not acknowledge.

        A later commit would cover the recipients of that one as well.

        Raises:
            KafkaStuckError: This checkpoint or an earlier one was not acknowledged.
        """
        async with self._lock:
            if self._stuck is not None:  # a drain or a rebalance was waiting for its turn
                raise self._stuck
            try:
                yield
            except KafkaStuckError as error:
                self._stuck = error
                raise

    async def _make_sure(self) -> None:
        """Repeat the last commit if the lease has run out, to learn whether the partitions are still ours.

        After a freeze another worker may own them, and then nothing of them may be published.
        """
        asked_at = clock.monotonic()
        commits = self._pipeline.renewal()
        if commits and not self._lease.holds(asked_at):
            await self._commit(commits, asked_at)

    async def _commit(self, commits: Mapping[Partition, Commit], asked_at: float) -> None:
        await self._answer(self._consumer.commit(commits), records=False)
        self._lease.renew(asked_at)

    # ── waiting for Kafka ───────────────────────────────────────────────────────────────────────────────

    def reconsider(self) -> None:
        """Wait for as long as patience allows now: it has changed."""
        if self._limit is not None and not self._limit.expired():
            deadline = self._patience.deadline(self._asked_at, records=self._for_records)
            self._limit.reschedule(asyncio.get_running_loop().time() + deadline - clock.monotonic())

    async def _answer(self, asked: Awaitable[None], *, records: bool) -> None:
        """Wait until Kafka has acknowledged records or else a commit; only one is waited for at a time.

        Raises:
            KafkaStuckError: Patience has run out.
        """
        self._asked_at, self._for_records = clock.monotonic(), records
        # Not wait_for: before Python 3.12 it loses a cancellation that arrives together with the answer.
        self._limit = limit = asyncio.timeout(None)
        try:
            async with limit:
                self.reconsider()
                await asked
        except TimeoutError as error:
            if not limit.expired():
                raise
            what, waited = "records were" if records else "a commit was", clock.monotonic() - self._asked_at
            problem = f"{what} not acknowledged within {waited:.0f} s{self._patience.reason}"
            raise KafkaStuckError(problem) from error
        finally:
            self._limit = None

    def _renewal_due(self) -> bool:
        now = clock.monotonic()
        return not self._lease.holds(now) or now - self._checkpointed_at >= RENEW_SECONDS
