"""Taking partitions over and giving them up, in an order that loses and repeats nothing (decision 7).

Decides whether this process may send. Knows nothing of Kafka's protocol, nor of what a record holds.
"""

import asyncio
from collections.abc import Mapping

import structlog

from worker.app.checkpoint import Checkpointer
from worker.app.dispatch import Dispatcher
from worker.edges import clock
from worker.edges.kafka.client import PartitionsLostError
from worker.edges.kafka.consumer import GroupConsumer
from worker.ledger.lease import Lease
from worker.ledger.patience import ANSWER_LIMIT, Patience
from worker.ledger.progress import Progress, ProgressError, decode_progress
from worker.metrics import Metrics
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.shelf import Shelf
from worker.records.envelope import Commit, Partition, Record

log = structlog.get_logger(__name__)


class Ownership:
    """Whether this process owns its partitions, and whether it is draining.

    Args:
        consumer: Pauses and resumes partitions.
        shelf: Holds records that have not been accepted.
        pipeline: Holds everything open.
        metrics: Holds a gauge for each partition.
        lease: Begins and ends with ownership.
        patience: The same.
        topic_prefix: Prefix of topic names, as metrics give them.

    Attributes:
        draining: Whether the process is stopping; it still owns its partitions until the last checkpoint.
    """

    def __init__(
        self,
        consumer: GroupConsumer,
        shelf: Shelf[Record],
        pipeline: Pipeline,
        metrics: Metrics,
        *,
        lease: Lease,
        patience: Patience,
        topic_prefix: str,
    ) -> None:
        self.draining = False
        self._consumer = consumer
        self._shelf = shelf
        self._pipeline = pipeline
        self._metrics = metrics
        self._lease = lease
        self._patience = patience
        self._prefix = topic_prefix
        self._owned = False

    def owns(self) -> bool:
        """Return whether partitions are assigned and not known to be lost."""
        return self._owned

    def may_send(self) -> bool:
        """Return whether a request may go out now."""
        return self._owned and not self.draining and self._lease.holds(clock.monotonic())

    def reason_unready(self) -> str | None:
        """Return why `/readyz` answers 503, or None if it answers 200."""
        if self.draining:
            return "draining"
        return None if self._owned else "no partitions are assigned"

    async def assigned(self, commits: Mapping[Partition, Commit | None]) -> None:
        """Take partitions over, each from its last commit; does nothing while draining."""
        if self.draining:
            return
        self._pipeline.forget()
        for partition, commit in commits.items():
            self._pipeline.assign(partition, _restored(partition, commit))
        self._consumer.hold(())
        self._lease.begin()
        self._patience.begin()
        self._owned = True
        self._metrics.enter("running")
        new = sum(commit is None for commit in commits.values())
        log.info("partitions assigned", partitions=len(commits), without_commit=new)

    def stop_work(self) -> None:
        """Stop accepting and sending: the partitions belong to another worker."""
        self._owned = False
        self._lease.end()
        self._patience.lose()

    def lose(self) -> None:
        """Stop work, and forget everything about the partitions."""
        self.stop_work()
        self._shelf.clear()
        for partition in self._pipeline.partitions:
            self._metrics.forget_partition(self._prefix + partition.topic, partition.number)
        self._pipeline.forget()


class Handover:
    """Gives partitions up so that, if at all possible, the next owner repeats nothing.

    Args:
        ownership: Ended once everything is settled.
        shelf: Holds records that have not been accepted.
        pipeline: Holds everything open.
        dispatcher: Knows when everything has landed.
        checkpointer: Makes the last checkpoints.
        lease: Ended before anything else.
        patience: Ended by a drain.
        drain_timeout: Seconds to wait for requests in flight.
    """

    def __init__(
        self,
        ownership: Ownership,
        shelf: Shelf[Record],
        pipeline: Pipeline,
        dispatcher: Dispatcher,
        checkpointer: Checkpointer,
        *,
        lease: Lease,
        patience: Patience,
        drain_timeout: float,
    ) -> None:
        self._ownership = ownership
        self._shelf = shelf
        self._pipeline = pipeline
        self._dispatcher = dispatcher
        self._checkpointer = checkpointer
        self._lease = lease
        self._patience = patience
        self._drain_timeout = drain_timeout

    def evicted(self) -> None:
        """Stop work at once, and wait little longer for Kafka: the group no longer knows this member."""
        self._ownership.stop_work()
        self._checkpointer.reconsider()

    async def revoked(self, lost: bool) -> None:
        """Give up all partitions: in good order, or at once if they are already lost.

        Raises:
            KafkaStuckError: Kafka did not acknowledge: the process must end without flushing.
        """
        log.info("partitions revoked", lost=lost)
        if lost:
            self.evicted()
            # A checkpoint under way must not be committed in the next generation. If Kafka never acknowledges
            # its records, the process ends.
            async with self._checkpointer.turn():
                self._ownership.lose()
            return
        self._shelf.clear()
        await self.settle_up()
        self._ownership.lose()

    async def drain(self) -> bool:
        """Give up everything because the process stops, within a limited time even if Kafka is away.

        Returns:
            Whether Kafka acknowledged all of it; False if the partitions belong to another worker.

        Raises:
            KafkaStuckError: Kafka did not acknowledge: the process must end without flushing.
        """
        self._patience.end_at(clock.monotonic() + self._drain_timeout + ANSWER_LIMIT)
        self._checkpointer.reconsider()
        self._shelf.clear()
        return await self.settle_up()

    async def settle_up(self) -> bool:
        """Stop sending, wait for requests in flight, hand back what is waiting, and checkpoint everything.

        Returns:
            Whether Kafka acknowledged all of it; False if the partitions belong to another worker.

        Raises:
            KafkaStuckError: Kafka did not acknowledge: the process must end without flushing.
        """
        self._lease.end()
        try:
            async with asyncio.timeout(self._drain_timeout):
                await self._dispatcher.all_landed()
        except TimeoutError:
            log.warning("requests are still in flight; abandoning them", requests=self._pipeline.in_flight)
        self._pipeline.hand_back(clock.now())
        try:
            while self._pipeline.unacknowledged:
                await self._checkpointer.checkpoint()
            await self._checkpointer.checkpoint(last=True)
        except PartitionsLostError:
            log.warning("the last checkpoint came too late; the pushes in it will be repeated")
            return False
        return True


def _restored(partition: Partition, commit: Commit | None) -> Progress:
    if commit is None:
        return Progress(0)
    try:
        return decode_progress(commit.offset, commit.metadata)
    except ProgressError as error:
        log.warning(
            "cannot read the map of a commit; starting from its offset",
            topic=partition.topic,
            partition=partition.number,
            offset=commit.offset,
            problem=str(error),
        )
        return Progress(commit.offset)
