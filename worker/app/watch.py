"""What operators see of a worker: gauges, set twice a second, and a log line for each event worth acting on.

Decides which events are worth a line and which merely repeat. Changes nothing in the worker.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import structlog

from crypto.vapid import TokenCache
from worker.edges import clock
from worker.edges.kafka.transactions import Held
from worker.ledger.lease import DURATION
from worker.limits.doubt import Doubted
from worker.logs import LogThrottle
from worker.metrics import Metrics
from worker.pipeline.actionable import actionable_outcomes
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.settlement import Batch
from worker.pipeline.shelf import Shelf
from worker.records.control import CampaignControl
from worker.records.envelope import Partition, Record
from worker.records.topics import CONTROL, INPUTS, TIER_TOPICS
from worker.records.values import RecordError
from worker.timing.clocks import WrongClock

log = structlog.get_logger(__name__)

WATCH_SECONDS = 0.5

SLOW_SECONDS = 0.5
"""A checkpoint that takes longer is logged; at twice this, sending stops."""

HELD_SECONDS = 20.0
"""A partition that an open transaction holds back for so long is logged: healthy ones end far sooner."""


class Watch:
    """Reports the state of a worker's parts, and the events that they pass on.

    Args:
        pipeline: Read for gauges, gates, expiry surges and partitions.
        shelf: Read for overdue tier records.
        tokens: Read for the number of signatures.
        metrics: Where gauges and counters are set.
        topic_prefix: Prefix of topic names, as metrics and log lines give them.
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
        # The last time a checkpoint was acknowledged or there was nothing to checkpoint.
        self._alive_at = clock.monotonic()
        self._age = 0.0
        self._stall_told = False
        self._doubted = Doubted()
        self._resting: frozenset[str] = frozenset()
        # Where the oldest open transaction of a partition begins, and since when that has been known.
        self._transactions: dict[Partition, tuple[int, float]] = {}
        self._controls: int | None = 0
        for topic in (*INPUTS, *TIER_TOPICS):
            metrics.consumed[topic_prefix + topic].inc(0)
            metrics.offset_resets[topic_prefix + topic].inc(0)

    async def run(
        self, end: Callable[[Partition], int | None], held: Callable[[], Mapping[Partition, Held]]
    ) -> None:
        """Update gauges and log changes until cancelled.

        Args:
            end: Returns the offset after a partition's last record, or None if it is not known yet.
            held: Returns what waits in each partition behind an open transaction.
        """
        while True:
            before = clock.monotonic()
            await asyncio.sleep(WATCH_SECONDS)
            self._metrics.event_loop_lag.set(max(0.0, clock.monotonic() - before - WATCH_SECONDS))
            self._look()
            self._look_at_lag(end)
            self._look_at_held(held())

    def _look(self) -> None:
        self._pipeline.gauge()
        self._metrics.count_signatures(self._tokens.signatures)
        self._look_at_doubts()
        self._look_at_gates()
        self._look_at_checkpoints()
        for tier, seconds in self._shelf.overdue(clock.now()).items():
            self._metrics.tier_overdue[tier].set(seconds)

    def _look_at_lag(self, end: Callable[[Partition], int | None]) -> None:
        for partition in self._pipeline.partitions:
            last = end(partition)
            if partition.topic in INPUTS and last is not None:
                lag = self._metrics.consumer_lag[self._prefix + partition.topic, partition.number]
                lag.set(max(0, last - self._pipeline.position(partition)))

    def _look_at_held(self, held: Mapping[Partition, Held]) -> None:
        """Report what waits behind a transaction that was open at the last look, too: most are soon over."""
        now, before = clock.monotonic(), self._transactions
        told = {each: found for each, found in held.items() if each.topic == CONTROL or self._reads(each)}
        self._transactions = {
            each: before[each] if each in before and before[each][0] == start else (start, now)
            for each, (records, start) in told.items()
            if records
        }
        for partition, (records, _) in told.items():
            known = self._transactions.get(partition)
            gauge = self._metrics.held[self._prefix + partition.topic, partition.number]
            if known is not None and known == before.get(partition):
                gauge.set(records)
                self._note_held(partition, records, now - known[1])
            else:
                gauge.set(0)

    def _reads(self, partition: Partition) -> bool:
        return partition.topic in INPUTS and partition in self._pipeline.partitions

    def _note_held(self, partition: Partition, records: int, seconds: float) -> None:
        if seconds >= HELD_SECONDS:
            self._warn(
                ("held", partition),
                "an open transaction holds back a partition",
                topic=self._prefix + partition.topic,
                partition=partition.number,
                records=records,
                seconds=round(seconds),
            )

    def _look_at_checkpoints(self) -> None:
        now = clock.monotonic()
        if not self._pipeline.open:
            self._alive_at = now
        before, age = self._age, now - self._alive_at
        self._age = age
        self._metrics.checkpoint_age.set(age)
        if age <= DURATION and self._stall_told:
            log.info("checkpoints are acknowledged again", seconds=round(before, 1))
            self._stall_told = False
        elif age > DURATION and not self._stall_told:  # once, however long it lasts
            event = "no checkpoint is being acknowledged; sending is suspended until one is"
            self._stall_told = self._warn("stall", event, seconds=round(age, 1), open=self._pipeline.open)

    def _look_at_gates(self) -> None:
        resting = frozenset(key for key, closed in self._pipeline.closed_gates().items() if closed)
        for key in resting - self._resting:
            log.warning("sending to a push service is on hold; sites are waiting for it", push_service=key)
        for key in self._resting - resting:
            log.info("no site is waiting for the push service any more", push_service=key)
        self._resting = resting

    def _look_at_doubts(self) -> None:
        present, before = self._pipeline.doubted(clock.now()), self._doubted
        for service in present.waves - before.waves:
            log.error(
                "too many subscriptions of many sites expired at once; not believing expirations for now",
                push_service=service.value,
            )
        for service in before.waves - present.waves:
            log.info("expirations are believed again", push_service=service.value)
        for service, site in present.surges - before.surges:
            event = "far more of a site's subscriptions expired than usual; trying each of them once more"
            if service not in present.waves:
                self._warn(("surge", service), event, push_service=service.value, site_id=site)
        self._doubted = present

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────

    def accepted(self, record: Record, problem: RecordError | WrongClock) -> None:
        """Log what was odd about a record that was accepted."""
        if isinstance(problem, RecordError):
            self.dead_letter(record, problem)
        else:
            self._wrong_clock(record, problem)

    def _wrong_clock(self, record: Record, problem: WrongClock) -> None:
        topic = self._prefix + record.partition.topic
        self._warn(
            ("clock", topic, problem),
            "a record's timestamp cannot be right; its job counts as written now",
            topic=topic,
            partition=record.partition.number,
            offset=record.offset,
            problem=problem.value,
        )

    def dead_letter(self, record: Record, error: RecordError) -> None:
        """Log a record that is not a valid job."""
        self._warn(
            error.code,
            "a record is not a valid job",
            topic=record.partition.topic,
            partition=record.partition.number,
            offset=record.offset,
            code=error.code,
            problem=error.problem,
        )

    def checkpoint(self, batch: Batch, asked_at: float, seconds: float) -> None:
        """Note an acknowledged checkpoint.

        Args:
            batch: Its contents.
            asked_at: When its commit was sent, on the monotonic clock.
            seconds: How long all of it took.
        """
        self._alive_at = asked_at
        self._metrics.checkpoint_duration.observe(seconds)
        checkpoint = batch.checkpoint
        if seconds >= SLOW_SECONDS:
            size = checkpoint.size if checkpoint else 0
            self._warn("slow", "a checkpoint was slow", seconds=round(seconds, 3), recipients=size)
        for each in actionable_outcomes(checkpoint.settled) if checkpoint else ():
            self._warn(each.kind, **each._asdict())

    def reset(self, partition: Partition) -> None:
        """Note that the next offset is gone: retention removed it, or the topic was recreated."""
        topic = self._prefix + partition.topic
        self._metrics.offset_resets[topic].inc()
        owned = partition in self._pipeline.partitions
        log.error(
            "next offset is no longer in Kafka; resuming at the earliest record",
            topic=topic,
            partition=partition.number,
            offset=self._pipeline.position(partition) if owned else None,
        )

    def control(self, control: CampaignControl) -> None:
        """Note a control record: count it while the old ones are read at the start, log it from then on."""
        if self._controls is None:
            log.info("campaign control", campaign=control.campaign_id, state=control.state.value)
        else:
            self._controls += 1  # the topic goes back 90 days: old decisions are not news

    def controls_read(self) -> None:
        """Note that the control topic has been read to its end."""
        log.info("read the campaign controls", records=self._controls)
        self._controls = None

    def _warn(self, kind: Hashable, event: str, **fields: Any) -> bool:
        """Log a warning, unless one of the same kind was logged just now; return whether it was logged."""
        return self._throttle.warn(log, kind, clock.monotonic(), event, **fields)
