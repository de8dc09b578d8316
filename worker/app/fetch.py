"""From Kafka to the pipeline: records are fetched, shelved, and accepted when they have their turn and room.

Decides how long to fetch and how long to accept before the event loop gets its turn. Knows neither the order
(the shelf's) nor what there is room for (the pipeline's).
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
"""Accepting records in a row: a full fetch takes seconds, in which the lease would run out unrenewed."""


class FetchLoop:
    """Reads what this process owns, as fast as there is room for it.

    Args:
        consumer: The group's.
        shelf: Holds what has been fetched until it is accepted.
        pipeline: Accepts records while it has room.
        dispatcher: Woken when something may have become due.
        watch: Told of dead letters.
        metrics: Where records are counted.
        lease: Whether checkpoints keep up.
        owns: Whether partitions are assigned.
        checkpoint_wanted: Set when the lease has run out.
        topic_prefix: Of all topics, as metrics name them.
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
        """Join the group, then fetch and accept until cancelled.

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
        """Seconds to wait for records: no longer than until one on the shelf is ready."""
        now = clock.now()
        ready = self._shelf.next_ready(now)
        return FETCH_SECONDS if ready is None else min(max(ready - now, 0.001), FETCH_SECONDS)

    def _serve(self) -> bool:
        """Accept what has its turn and finds room; hold exactly the partitions that must wait.

        Returns:
            Whether there is more, for which the event loop must have had a turn in between.
        """
        now, until = clock.now(), clock.stopwatch() + SERVE_SECONDS
        more = False
        while not more and (record := self._shelf.take(now, self._pipeline.has_room)) is not None:
            more = clock.stopwatch() >= until
            self._metrics.consumed[self._prefix + record.partition.topic].inc()
            problem = self._pipeline.accept(record, now)
            if problem:
                self._watch.dead_letter(record, problem)
        self._consumer.hold(self._shelf.holding)
        if self._pipeline.open and not self._lease.holds(clock.monotonic()):
            self._checkpoint_wanted.set()
        self._dispatcher.wake()
        return more
