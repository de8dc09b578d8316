"""Which partitions this process owns, and the order in which they are taken over and given up (decision 7).

Decides when this process may send. Knows nothing of Kafka's protocol, nor of what a record holds.
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
from worker.ledger.progress import Progress, ProgressError, decode_progress
from worker.metrics import Metrics
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.shelf import Shelf
from worker.records.envelope import Commit, Partition, Record

log = structlog.get_logger(__name__)


class Ownership:
    """Whether this process owns its partitions, and whether it is on its way out.

    Args:
        consumer: Pauses and resumes partitions.
        shelf: Holds records of the partitions.
        pipeline: Holds what is open of them.
        metrics: Where partitions have their gauges.
        lease: Begins and ends with the ownership.
        topic_prefix: Of all topics, as metrics name them.

    Attributes:
        draining: Whether the process ends; it owns what it has until that is checkpointed.
    """

    def __init__(
        self,
        consumer: GroupConsumer,
        shelf: Shelf[Record],
        pipeline: Pipeline,
        metrics: Metrics,
        *,
        lease: Lease,
        topic_prefix: str,
    ) -> None:
        self.draining = False
        self._consumer = consumer
        self._shelf = shelf
        self._pipeline = pipeline
        self._metrics = metrics
        self._lease = lease
        self._prefix = topic_prefix
        self._owned = False

    def owns(self) -> bool:
        """Whether partitions are assigned, and not known to be lost."""
        return self._owned

    def may_send(self) -> bool:
        """Whether a request may go out now."""
        return self._owned and not self.draining and self._lease.holds(clock.monotonic())

    def reason_unready(self) -> str | None:
        """Why `/readyz` says 503, or None where it says 200."""
        if self.draining:
            return "draining"
        return None if self._owned else "no partitions are assigned"

    async def assigned(self, commits: Mapping[Partition, Commit | None]) -> None:
        """Take partitions over, each from its last commit."""
        if self.draining:
            return
        self._pipeline.forget()
        for partition, commit in commits.items():
            self._pipeline.assign(partition, _restored(partition, commit))
        self._consumer.hold(())
        self._lease.begin()
        self._owned = True
        self._metrics.enter("running")
        new = sum(commit is None for commit in commits.values())
        log.info("partitions assigned", partitions=len(commits), without_commit=new)

    def stop_work(self) -> None:
        """Send and fetch nothing more: the partitions are another worker's."""
        self._owned = False
        self._lease.end()

    def lose(self) -> None:
        """Forget everything about the partitions."""
        self.stop_work()
        self._shelf.clear()
        for partition in self._pipeline.partitions:
            self._metrics.forget_partition(self._prefix + partition.topic, partition.number)
        self._pipeline.forget()


class Handover:
    """Gives partitions up, so that whoever comes next repeats nothing if that can be helped.

    Args:
        ownership: Of the partitions.
        shelf: Holds records that have not been accepted.
        pipeline: Holds what is open.
        dispatcher: Knows when everything has landed.
        checkpointer: Makes the last checkpoints.
        lease: Ended before anything else.
        drain_timeout: Seconds in which requests in flight may land.
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
        drain_timeout: float,
    ) -> None:
        self._ownership = ownership
        self._shelf = shelf
        self._pipeline = pipeline
        self._dispatcher = dispatcher
        self._checkpointer = checkpointer
        self._lease = lease
        self._drain_timeout = drain_timeout

    async def revoked(self, lost: bool) -> None:
        """Give all partitions up: in good order, or at once if they are lost already.

        Raises:
            KafkaStuckError: Kafka does not acknowledge: the process must end without flushing.
        """
        log.info("partitions revoked", lost=lost)
        if lost:
            self._ownership.stop_work()
            # A checkpoint under way must not be committed in the next generation; if Kafka never acknowledges
            # its records, the process ends.
            async with self._checkpointer.lock:
                self._ownership.lose()
            return
        self._shelf.clear()
        await self.settle_up()
        self._ownership.lose()

    async def settle_up(self) -> None:
        """Let what is in flight land, hand back what waits, and checkpoint it all, within the time-out.

        Raises:
            KafkaStuckError: Kafka does not acknowledge: the process must end without flushing.
        """
        self._lease.end()
        try:
            async with asyncio.timeout(self._drain_timeout):
                await self._dispatcher.all_landed()
        except TimeoutError:
            log.warning("requests are still in flight; leaving them", requests=self._pipeline.in_flight)
        self._pipeline.hand_back(clock.now())
        try:
            while self._pipeline.unacknowledged:
                await self._checkpointer.checkpoint()
            await self._checkpointer.checkpoint(last=True)
        except PartitionsLostError:
            log.warning("the last checkpoint came too late: what it held will be sent again")


def _restored(partition: Partition, commit: Commit | None) -> Progress:
    if commit is None:
        return Progress(0)
    try:
        return decode_progress(commit.offset, commit.metadata)
    except ProgressError as error:
        log.warning(
            "the map of a commit cannot be read; starting from its offset",
            topic=partition.topic,
            partition=partition.number,
            offset=commit.offset,
            problem=str(error),
        )
        return Progress(commit.offset)
