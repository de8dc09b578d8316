"""From Kafka to the pipeline: fetches records, shelves them, and accepts them when it is their turn.

Decides how long to wait for records, and how many to accept before the event loop gets its turn. Knows
neither which record goes first (the shelf's decision) nor what there is room for (the pipeline's).
"""

import asyncio
from collections.abc import Callable

from worker.app.dispatch import Dispatcher
from worker.app.watch import Watch
from worker.edges import clock
from worker.edges.kafka.consumer import GroupConsumer, Membership
from worker.ledger.lease import Lease
from worker.metrics import Metrics
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.shelf import Shelf
from worker.records.envelope import Record

FETCH_SECONDS = 0.1
SERVE_SECONDS = 0.01
"""Longest run of accepting records: a full fetch takes seconds to accept, longer than the lease lasts."""


class FetchLoop:
    """Reads the assigned partitions, as fast as there is room.

    Args:
        consumer: The group's consumer.
        shelf: Holds fetched records until they are accepted.
        pipeline: Accepts records while it has room.
        dispatcher: Woken when something may have become due.
        watch: Logs dead letters.
        metrics: Where records are counted.
        lease: Runs out if checkpoints cannot keep up.
        owns: Returns whether partitions are assigned.
        checkpoint_wanted: Set when the lease has run out while something is open.
        topic_prefix: Prefix of topic names, as metrics give them.
    """

    def __init__(
        self,
        consumer: GroupConsumer,
        shelf: Shelf[Record],
        pipeline: Pipeline,
        dispatcher: Dispatcher,
        *,
        watch: Watch,
        metrics: Metrics,
        lease: Lease,
        owns: Callable[[], bool],
        checkpoint_wanted: asyncio.Event,
        topic_prefix: str,
    ) -> None:
        self._consumer = consumer
        self._shelf = shelf
        self._pipeline = pipeline
        self._dispatcher = dispatcher
        self._watch = watch
        self._metrics = metrics
        self._lease = lease
        self._owns = owns
        self._checkpoint_wanted = checkpoint_wanted
        self._prefix = topic_prefix

    async def run(self, membership: Membership) -> None:
        """Join the group, then fetch and accept records until cancelled.

        Raises:
            KafkaUnreachableError: No broker answers.
            KafkaStuckError: The group refuses this member for good.
        """
        await self._consumer.start(membership)
        while True:
            records = await self._consumer.fetch(self._patience())
            if self._owns():
                self._shelf.put(records, clock.now())
            while self._owns() and self._serve():  # noqa: ASYNC110 - this waits for nothing
                await asyncio.sleep(0)
            if not records:
                await asyncio.sleep(0)

    def _patience(self) -> float:
        """Return how many seconds to wait for records: at most until one on the shelf is ready."""
        now = clock.now()
        ready = self._shelf.next_ready(now)
        return FETCH_SECONDS if ready is None else min(max(ready - now, 0.001), FETCH_SECONDS)

    def _serve(self) -> bool:
        """Accept the records there is room for; pause exactly the partitions with records on the shelf.

        Returns:
            Whether there may be more to accept, once the event loop has had its turn.
        """
        now, until = clock.now(), clock.stopwatch() + SERVE_SECONDS
        more = False
        while not more and (record := self._shelf.take(now, self._pipeline.has_room)) is not None:
            more = clock.stopwatch() >= until
            self._metrics.consumed[self._prefix + record.partition.topic].inc()
            problem = self._pipeline.accept(record, now)
            if problem:
                self._watch.accepted(record, problem)
        self._consumer.hold(self._shelf.holding)
        if self._pipeline.open and not self._lease.holds(clock.monotonic()):
            self._checkpoint_wanted.set()
        self._dispatcher.wake()
        return more
