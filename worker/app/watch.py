"""What an operator sees of a worker: gauges, twice a second, and a line for each event that somebody acts on.

Decides what is worth a line and what only repeats; changes nothing, and is asked nothing.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

import structlog

from crypto.vapid import TokenCache
from worker.edges import clock
from worker.ledger.lease import DURATION
from worker.logs import LogThrottle
from worker.metrics import Metrics
from worker.pipeline.actionable import actionable_outcomes
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.settlement import Batch
from worker.pipeline.shelf import Shelf
from worker.push.services import PushService
from worker.records.control import CampaignControl
from worker.records.envelope import Partition, Record
from worker.records.topics import INPUTS, TIER_TOPICS
from worker.records.values import RecordError

log = structlog.get_logger(__name__)

WATCH_SECONDS = 0.5

SLOW_SECONDS = 0.5
"""A checkpoint that takes longer is worth a line: at twice that, sending stops."""


class Watch:
    """Reads what a worker's parts say of themselves, and is told what happens to them.

    Args:
        pipeline: The worker's.
        shelf: The worker's.
        tokens: The worker's.
        metrics: Where gauges are set.
        topic_prefix: Of all topics, as metrics and lines name them.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        shelf: Shelf[Record],
        tokens: TokenCache,
        metrics: Metrics,
        *,
        topic_prefix: str,
    ) -> None:
        self._pipeline = pipeline
        self._shelf = shelf
        self._tokens = tokens
        self._metrics = metrics
        self._prefix = topic_prefix
        self._throttle = LogThrottle()
        # When a checkpoint was acknowledged, or there was nothing to checkpoint.
        self._alive_at = clock.monotonic()
        self._stalled = False
        self._incidents: frozenset[PushService] = frozenset()
        self._resting: frozenset[str] = frozenset()
        self._controls: int | None = 0
        for topic in (*INPUTS, *TIER_TOPICS):
            metrics.consumed[topic_prefix + topic].inc(0)
            metrics.offset_resets[topic_prefix + topic].inc(0)

    async def run(self, end: Callable[[Partition], int | None]) -> None:
        """Look, for as long as the worker works.

        Args:
            end: The offset behind a partition's last record, or None where nobody has heard it yet.
        """
        while True:
            before = clock.monotonic()
            await asyncio.sleep(WATCH_SECONDS)
            self._metrics.event_loop_lag.set(max(0.0, clock.monotonic() - before - WATCH_SECONDS))
            self._look()
            self._look_at_lag(end)

    def _look(self) -> None:
        self._pipeline.gauge()
        self._metrics.count_signatures(self._tokens.signatures)
        self._look_at_incidents()
        self._look_at_gates()
        self._look_at_checkpoints()
        for tier, seconds in self._shelf.overdue(clock.now()).items():
            self._metrics.tier_overdue[tier].set(seconds)

    def _look_at_lag(self, end: Callable[[Partition], int | None]) -> None:
        for place in self._pipeline.partitions:
            behind = end(place)
            if place.topic in INPUTS and behind is not None:
                lag = self._metrics.consumer_lag[self._prefix + place.topic, place.number]
                lag.set(max(0, behind - self._pipeline.position(place)))

    def _look_at_checkpoints(self) -> None:
        now = clock.monotonic()
        if not self._pipeline.open:
            self._alive_at = now
        age = now - self._alive_at
        self._metrics.checkpoint_age.set(age)
        if age <= DURATION and self._stalled:
            log.info("checkpoints are acknowledged again")
        self._stalled = age > DURATION
        if self._stalled:
            event = "no checkpoint is acknowledged; nothing new is sent until one is"
            self._warn("stall", event, seconds=round(age, 1), open=self._pipeline.open)

    def _look_at_gates(self) -> None:
        resting = frozenset(key for key, closed in self._pipeline.closed_gates().items() if closed)
        for key in resting - self._resting:
            log.warning("a push service asks to slow down; sites wait for it", push_service=key)
        for key in self._resting - resting:
            log.info("no site waits for the push service any more", push_service=key)
        self._resting = resting

    def _look_at_incidents(self) -> None:
        present = self._pipeline.incidents()
        for service in present - self._incidents:
            log.error(
                "too many subscriptions are gone at once: not believed for now",
                push_service=service.value,
            )
        for service in self._incidents - present:
            log.info("expirations are believed again", push_service=service.value)
        self._incidents = present

    # ── what it is told ─────────────────────────────────────────────────────────────────────────────────

    def dead_letter(self, record: Record, error: RecordError) -> None:
        """A record is no valid job."""
        self._warn(
            error.code,
            "a record is no valid job",
            topic=record.partition.topic,
            partition=record.partition.number,
            offset=record.offset,
            code=error.code,
            problem=error.problem,
        )

    def checkpoint(self, batch: Batch, asked_at: float, seconds: float) -> None:
        """A checkpoint is acknowledged.

        Args:
            batch: What it held.
            asked_at: When its commit went out, on the monotonic clock.
            seconds: That it took in all.
        """
        self._alive_at = asked_at
        self._metrics.checkpoint_duration.observe(seconds)
        checkpoint = batch.checkpoint
        if seconds >= SLOW_SECONDS:
            size = checkpoint.size if checkpoint else 0
            self._warn("slow", "a checkpoint was slow", seconds=round(seconds, 3), recipients=size)
        for each in actionable_outcomes(checkpoint.settled) if checkpoint else ():
            self._warn(each.kind, **each._asdict())

    def reset(self, place: Partition) -> None:
        """Kafka has not what was to be read next: retention took it, or the topic was made anew."""
        topic = self._prefix + place.topic
        self._metrics.offset_resets[topic].inc()
        owned = place in self._pipeline.partitions
        log.error(
            "what was to be read next is not in Kafka; reading on from the first record that is",
            topic=topic,
            partition=place.number,
            offset=self._pipeline.position(place) if owned else None,
        )

    def control(self, control: CampaignControl) -> None:
        """A control record was read."""
        if self._controls is None:
            log.info("campaign control", campaign=control.campaign_id, state=control.state.value)
        else:
            self._controls += 1  # what was decided within 90 days is no news

    def controls_read(self) -> None:
        """The control topic was read to its end."""
        log.info("read the campaigns' controls", records=self._controls)
        self._controls = None

    def _warn(self, kind: Hashable, event: str, **fields: Any) -> None:
        """Write a line, unless one of its kind was written just now."""
        self._throttle.warn(log, kind, clock.monotonic(), event, **fields)
