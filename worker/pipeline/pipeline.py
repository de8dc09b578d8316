"""The path of a job, from a record to the records written back; `Pipeline` is the way in.

    record - decode - place - route - queue - build - post - classify - settle - checkpoint

I/O happens outside: records come in, requests and checkpoints go out, answers and acknowledgements come back,
each with the time at which that happens, in seconds since the epoch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from crypto.agreement.interface import Agreement
from crypto.vapid import TokenCache
from worker.ledger.ledger import CHECKPOINT_MAX, Ledger
from worker.ledger.progress import Progress
from worker.limits.doubt import Doubted
from worker.metrics import Metrics
from worker.pipeline.build import Entropy, RequestBuilder, VapidKeys
from worker.pipeline.delivery import Delivery, Flight, JobContext
from worker.pipeline.instrumentation import measure_landed, measure_levels
from worker.pipeline.intake import dated, take_in
from worker.pipeline.placement import make_deliveries
from worker.pipeline.politeness import QUARANTINED, Politeness, asked_to_wait
from worker.pipeline.publication import Effect
from worker.pipeline.queue import DueQueue
from worker.pipeline.routing import Routing
from worker.pipeline.settlement import Batch, Settlement
from worker.pipeline.tally import Tally
from worker.push.answers import Answer, classify
from worker.push.services import Endpoints
from worker.push.verdict import Settled, TryAgain
from worker.records.control import CampaignControl, Campaigns
from worker.records.envelope import Commit, Partition, Record
from worker.records.job import RECIPIENTS_MAX, Lane, LaterJob
from worker.records.topics import SHORTEST
from worker.records.values import RecordError
from worker.timing.clocks import WrongClock
from worker.timing.retry import decide
from worker.timing.schedule import lapses_at
from worker.timing.tiers import choose_tier

URGENT_RESERVE = 0.1
"""Share of the buffer reserved for the urgent lane."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that the path depends on.

    Attributes:
        in_flight: Maximum requests on the wire.
        buffered: Maximum recipients in memory.
        attempts: Maximum requests for one recipient.
        stretch_time: Seconds, for jobs that set none.
        topic_prefix: Prefix of all topics, as dead letters name them.
        worker: Name of this process in what it writes, `instance/process`.
    """

    in_flight: int = 512
    buffered: int = 60_000
    attempts: int = 8
    stretch_time: float = 0.0
    topic_prefix: str = "push."
    worker: str = "pushmill/0"


class Pipeline:
    """The whole path for one process; every method returns at once."""

    def __init__(
        self,
        limits: Limits,
        *,
        endpoints: Endpoints,
        keys: VapidKeys,
        tokens: TokenCache,
        agreement: Agreement,
        entropy: Entropy,
        metrics: Metrics,
        stopwatch: Callable[[], float],
        now: float,
    ) -> None:
        self._limits = limits
        self._endpoints = endpoints
        self._entropy = entropy
        self._metrics = metrics
        self._builder = RequestBuilder(
            keys,
            tokens,
            agreement,
            entropy,
            stopwatch=stopwatch,
            on_encrypted=metrics.encrypt_duration.observe,
        )
        self._queue = DueQueue()
        self._politeness = Politeness(limits.in_flight)
        self._campaigns = Campaigns()
        self._ledger: Ledger[JobContext | None, Effect] = Ledger()
        tally = Tally(limits.worker, now)
        self._settlement = Settlement(
            self._ledger, tally, metrics, topic_prefix=limits.topic_prefix, worker=limits.worker
        )
        self._routing = Routing(self._queue, self._campaigns, self._settlement, entropy, limits.buffered)

    # ── decode, place, route ────────────────────────────────────────────────────────────────────────────

    def has_room(self, partition: Partition, urgent: bool = False) -> bool:
        """Return whether one more record of a partition, of up to 1,000 recipients, may be accepted.

        A part of the buffer is reserved for records of the urgent lane.
        """
        most = self._limits.buffered * (1 if urgent else 1 - URGENT_RESERVE)
        at_risk = self._ledger.unacknowledged + self._politeness.in_flight
        return (
            self.buffered + RECIPIENTS_MAX <= most
            and at_risk + RECIPIENTS_MAX <= CHECKPOINT_MAX
            and self._ledger.room(partition) >= RECIPIENTS_MAX
        )

    def accept(self, record: Record, now: float) -> RecordError | WrongClock | None:
        """Accept a record: each of its recipients is settled, waits in memory, or goes to a tier.

        Returns:
            Why the record becomes a dead letter, or why `now` stands in for its timestamp; else None.
        """
        record, wrong = dated(record, now)
        try:
            taken = take_in(record, self._limits.stretch_time)
        except RecordError as error:
            return self._settlement.dead_letter(record, error)
        except Exception as error:  # noqa: BLE001 - a bad record must not stall its partition
            problem = f"value: cannot be handled: {type(error).__name__}"
            return self._settlement.dead_letter(record, RecordError("internal_error", problem))
        job = taken.job
        entry = self._ledger.open_record(record.partition, record.offset, len(taken.recipients), job)
        if entry is None:
            return None
        campaign = self._campaigns.of(job.job.campaign_id)
        deliveries, unsendable = make_deliveries(taken, entry, self._endpoints, campaign.shift_at(now))
        self._settlement.settle_unsendable(taken, entry, unsendable, now)
        if campaign.has_resumed and isinstance(job.job, LaterJob):
            deliveries = [self._routing.eased(each, now) for each in deliveries]
        # In order of time, so that a tier's record empties from one end and its map stays small.
        self._routing.route(job, sorted(deliveries, key=attrgetter("next")), now)
        return None if job.job.start_at else wrong

    # ── queue, build ────────────────────────────────────────────────────────────────────────────────────

    def dispatch(self, now: float, most: int) -> list[Flight]:
        """Take out up to `most` requests that may go onto the wire now; each must be landed or recalled."""
        self._queue.ripen(now)
        flights: list[Flight] = []
        while len(flights) < most and (chosen := self._choose(now, most - len(flights))):
            for delivery, made in zip(chosen, self._builder.requests(chosen, now), strict=True):
                if isinstance(made, Flight):
                    flights.append(made)
                else:
                    self._politeness.recall(delivery, now)
                    self._routing.unsent(delivery, made, now)
        return flights

    def recall(self, flight: Flight, now: float) -> None:
        """Take back a request that did not go onto the wire."""
        self._politeness.recall(flight.delivery, flight.sent_at)
        if self.still_owns(flight):
            self._routing.route(flight.delivery.job, [flight.delivery], now)

    def still_owns(self, flight: Flight) -> bool:
        """Return whether a request's recipient is still this process's to settle."""
        return self._ledger.owns(flight.delivery.entry)

    def _room(self, lane: Lane, key: str, site_id: str) -> int:
        others_wait = lane is Lane.URGENT and self._queue.waits(Lane.NORMAL)
        return self._politeness.room(lane, key, site_id, others_wait=others_wait)

    def _choose(self, now: float, most: int) -> list[Delivery]:
        """Take out deliveries whose turn it is, each with a slot, up to the probe of a closed gate.

        If no request can be built for the probe, the next delivery is the probe.
        """
        chosen: list[Delivery] = []
        # Whatever is taken out is at risk: on the wire, or settled.
        at_risk_left = CHECKPOINT_MAX - self._ledger.unacknowledged - self._politeness.in_flight
        while len(chosen) < most and at_risk_left > 0:
            run = self._queue.take(self._room, min(most - len(chosen), at_risk_left))
            at_risk_left -= len(run)
            going = self._may_go(run, now)
            if going:
                self._politeness.take(going[0], len(going))
                chosen += going
            if not run or (going and self._politeness.closed_to(going[0])):
                break
        return chosen

    def _may_go(self, run: list[Delivery], now: float) -> list[Delivery]:
        """Settle what has lapsed in a run; postpone the rest if its gate is closed, else return it."""
        going = self._routing.alive(run, now)
        until = self._politeness.wait_until(going[0], now) if going else None
        if until is None:
            return going
        for delivery in going:
            # Unchanged: a delivery that was never tried must still move with its campaign's pauses.
            self._settlement.postpone(delivery, choose_tier(until - now, 0.0) or SHORTEST, "gate_closed")
        return []

    # ── classify, settle ────────────────────────────────────────────────────────────────────────────────

    def land(self, flights: Sequence[Flight], answer: Answer, now: float) -> None:
        """Take in the answer to a row of requests: their recipients are settled, or tried again later.

        Args:
            flights: One, or a row as in `landing.rows`.
            answer: The answer that each of them got.
            now: When it came.
        """
        first = flights[0].delivery
        verdict = classify(first.endpoint.origin.service, answer)
        verdict = self._politeness.learn(flights, answer, verdict, now)
        measure_landed(self._metrics, flights, answer, now)
        if not self._ledger.owns(first.entry):
            return  # another worker owns the partition by now, and these recipients with it
        deliveries = [flight.delivery for flight in flights]
        if isinstance(verdict, TryAgain):
            for delivery in deliveries:
                self._try_again(delivery, verdict, answer, now)
        else:
            self._settlement.settle(deliveries, verdict, now, answer)

    def _try_again(self, delivery: Delivery, verdict: TryAgain, answer: Answer, now: float) -> None:
        attempts = delivery.attempts + 1
        at = decide(
            verdict,
            delivery.job.plan,
            due=delivery.due,
            attempts=attempts,
            limit=self._limits.attempts,
            wait=asked_to_wait(verdict, answer, now),
            jitter=self._entropy.jitter(),
            now=now,
        )
        if isinstance(at, Settled):
            self._settlement.settle([delivery], at, now, answer)
            return
        service = delivery.endpoint.origin.service
        self._metrics.retries[service][verdict.reason].inc()
        if doubted := verdict is QUARANTINED:
            self._metrics.quarantined[service].inc()
        lapses = lapses_at(delivery.job.plan, delivery.due, attempts)
        changes = {"attempts": attempts, "next": at, "lapses": lapses, "doubted": doubted or delivery.doubted}
        again = msgspec.structs.replace(delivery, **changes)
        self._routing.route(delivery.job, [again], now)

    # ── checkpoints and ownership ───────────────────────────────────────────────────────────────────────

    def checkpoint(self, now: float, *, last: bool = False) -> Batch | None:
        """Take what has settled since the last one; None if there is nothing to write or commit.

        While anything is open there is: its commit renews the lease. Each must be acknowledged, or everything
        forgotten, before the next is taken. The `last` one writes all statistics, due or not.
        """
        if crowded := self._ledger.crowded():
            self._routing.hand_on(lambda delivery: delivery.entry.partition in crowded, now)
        return self._settlement.checkpoint(now, last=last)

    def renewal(self) -> dict[Partition, Commit]:
        """Return a commit to repeat, to hear from Kafka whether the partitions are still this process's."""
        return self._ledger.renewal()

    def skip(self, partition: Partition, first: int, stop: int) -> None:
        """Note that the offsets from `first` to `stop` hold no record, as in `Ledger.skip`."""
        self._ledger.skip(partition, first, stop)

    def acknowledge(self, batch: Batch) -> None:
        """Note that Kafka has a batch's records and its commits."""
        if batch.checkpoint:
            self._ledger.acknowledge(batch.checkpoint)

    def assign(self, partition: Partition, progress: Progress) -> None:
        """Take over a partition where its last checkpoint left it."""
        self._ledger.assign(partition, progress)

    def hand_back(self, now: float) -> None:
        """Prepare to give up the partitions: what was tried and waits goes to a tier, the rest is dropped.

        Recipients that were never tried stay open in the ledger's map: the next owner sends them.
        """
        self._routing.hand_on(lambda delivery: delivery.attempts > 0, now)
        self._queue.clear()

    def forget(self) -> None:
        """Drop everything: the partitions are another worker's."""
        self._queue.clear()
        self._settlement.forget()

    # ── campaigns ───────────────────────────────────────────────────────────────────────────────────────

    def control(self, control: CampaignControl, now: float) -> None:
        """Apply a control record: deliveries in memory that may no longer go leave it at once."""
        self._campaigns.apply(control)
        self._routing.move(control, now)

    def release(self, campaign_id: str) -> None:
        """Apply a tombstone of the control topic: the campaign runs as planned."""
        self._campaigns.forget(campaign_id)

    # ── state, for the loops and the metrics ────────────────────────────────────────────────────────────

    @property
    def buffered(self) -> int:
        """Recipients in memory: queued, or in flight."""
        return len(self._queue) + self._politeness.in_flight

    @property
    def in_flight(self) -> int:
        """Requests on the wire."""
        return self._politeness.in_flight

    @property
    def open(self) -> int:
        """Recipients that no acknowledged checkpoint has settled."""
        return self._ledger.open

    @property
    def unacknowledged(self) -> int:
        """Recipients that are settled but not acknowledged yet."""
        return self._ledger.unacknowledged

    @property
    def next_due(self) -> float | None:
        """When the first delivery that waits in memory is due."""
        return self._queue.next_due

    @property
    def partitions(self) -> frozenset[Partition]:
        """The assigned partitions."""
        return self._ledger.partitions

    def position(self, partition: Partition) -> int:
        """Return the offset of the next record to be accepted, as far as is known."""
        return self._ledger.position(partition)

    def gauge(self) -> None:
        """Update the metrics that are levels rather than counts."""
        measure_levels(self._metrics, self._queue, self._politeness)

    def closed_gates(self) -> dict[str, int]:
        """Return how many gates are closed, by push service (`Origin.key`)."""
        return self._politeness.closed_gates()

    def doubted(self, now: float) -> Doubted:
        """Return whose expirations are doubted at present."""
        return self._politeness.doubted(now)
