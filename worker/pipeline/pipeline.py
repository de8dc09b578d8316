"""The path of a job, from a record to what is written back, one step after the other.

    record - decode - schedule - queue - personalise, encrypt, authorize, build - post - classify - settle

What needs a wire lies outside: records are brought in, requests and checkpoints are taken out, answers and
acknowledgements are brought back, each with the time at which that happens, in seconds since the epoch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import msgspec

from crypto.vapid import TokenCache
from worker.ledger.ledger import CHECKPOINT_MAX, Checkpoint, Entry, Ledger
from worker.ledger.progress import Progress
from worker.metrics import NO_SERVICE, Metrics
from worker.pipeline.build import Entropy, Keys, RequestBuilder
from worker.pipeline.delivery import Delivery, Flight, JobContext
from worker.pipeline.instrumentation import measure_landed, measure_levels
from worker.pipeline.intake import take_in
from worker.pipeline.placement import make_deliveries
from worker.pipeline.politeness import QUARANTINE, QUARANTINED, Politeness
from worker.pipeline.publication import Effect, Gone, Postponed, publications
from worker.pipeline.queue import DueQueue
from worker.pipeline.tally import Tally
from worker.push.answers import Answer, PushResponse, classify, retry_after
from worker.push.services import Endpoints, PushService
from worker.push.verdict import Settled, TryAgain
from worker.records.control import CampaignControl, Campaigns, Control, State
from worker.records.dead_letter import bury
from worker.records.envelope import Commit, Partition, Publication, Record
from worker.records.job import RECIPIENTS_MAX, Lane, LaterJob
from worker.records.outcome import Outcome, Status
from worker.records.topics import SHORTEST, Tier
from worker.records.values import RecordError, moment
from worker.timing.retry import decide
from worker.timing.schedule import lapses_at, times
from worker.timing.tiers import HORIZON, HORIZON_FULL, choose_tier, pause_tier

OpenEntry = Entry[JobContext | None, Effect]

URGENT_RESERVE = 0.1
"""Of the buffer: what only the urgent lane may fill."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What of the configuration decides on the path.

    Attributes:
        in_flight: Requests at once.
        buffered: Recipients in memory.
        attempts: Requests for one recipient.
        stretch_time: Seconds, for jobs that give none.
        topic_prefix: Of all topics, as dead letters name them.
        worker: Who writes outcomes, `instance/process`.
    """

    in_flight: int = 512
    buffered: int = 60_000
    attempts: int = 8
    stretch_time: float = 0.0
    topic_prefix: str = "push."
    worker: str = "pushmill/0"


@dataclass(frozen=True, slots=True)
class Batch:
    """A checkpoint with the records that must be acknowledged before its commits are made."""

    publications: list[Publication]
    checkpoint: Checkpoint[JobContext | None, Effect] | None


class Pipeline:
    """The whole path for one process; every method returns at once."""

    def __init__(
        self,
        limits: Limits,
        *,
        endpoints: Endpoints,
        keys: Keys,
        tokens: TokenCache,
        entropy: Entropy,
        metrics: Metrics,
        stopwatch: Callable[[], float],
        now: float,
    ) -> None:
        self._limits = limits
        self._endpoints = endpoints
        self._entropy = entropy
        self._metrics = metrics
        self._builder = RequestBuilder(keys, tokens, entropy, stopwatch, metrics.encrypt_duration.observe)
        self._queue = DueQueue()
        self._politeness = Politeness(limits.in_flight)
        self._campaigns = Campaigns()
        self._ledger: Ledger[JobContext | None, Effect] = Ledger()
        self._tally = Tally(limits.worker, now)

    # ── record, decode, schedule ────────────────────────────────────────────────────────────────────────

    def has_room(self, partition: Partition, urgent: bool = False) -> bool:
        """Whether one more record of this partition, of up to 1,000 recipients, may be accepted.

        Args:
            partition: Which.
            urgent: Whether the record is of the urgent lane, for which a part of the buffer is kept.
        """
        most = self._limits.buffered * (1 if urgent else 1 - URGENT_RESERVE)
        at_risk = self._ledger.unacknowledged + self._politeness.in_flight
        return (
            self.buffered + RECIPIENTS_MAX <= most
            and at_risk + RECIPIENTS_MAX <= CHECKPOINT_MAX
            and self._ledger.room(partition) >= RECIPIENTS_MAX
        )

    def accept(self, record: Record, now: float) -> RecordError | None:
        """Take a record in: each of its recipients is settled, waits in memory, or goes to a tier.

        Returns:
            What is wrong with it, if it becomes a dead letter.
        """
        try:
            taken = take_in(record, self._limits.stretch_time)
        except RecordError as error:
            return self._bury(record, error)
        except Exception as error:  # noqa: BLE001 - whatever is in a record, it stalls no partition
            problem = f"value: cannot be handled: {type(error).__name__}"
            return self._bury(record, RecordError("internal_error", problem))
        job = taken.job
        entry = self._ledger.open_record(record.partition, record.offset, len(taken.recipients), job)
        if entry is None:
            return None
        campaign = self._campaigns.of(job.job.campaign_id)
        deliveries, unsendable = make_deliveries(taken, entry, self._endpoints, campaign.shift_at(now))
        for index, end in unsendable:
            unsent = Outcome(taken.recipients[index].id, end.status, moment(now), 0, None, None, end.detail)
            self._conclude(job, entry, unsent, [(index, unsent)])
        if campaign.has_resumed and isinstance(job.job, LaterJob):
            deliveries = [self._eased(each, now) for each in deliveries]
        # In the order of their time, so that a tier's record empties from one end and its map stays small.
        self._route(job, sorted(deliveries, key=attrgetter("next")), now)
        return None

    def _bury(self, record: Record, error: RecordError) -> RecordError | None:
        entry = self._ledger.open_record(record.partition, record.offset, 1, None)
        if entry is None:
            return None
        self._metrics.dead_letters[error.code].inc()
        self._ledger.settle(entry, [(0, bury(record, error, self._limits.topic_prefix))])
        return error

    def _eased(self, delivery: Delivery, now: float) -> Delivery:
        """A delivery of a campaign that was paused, which may come back late, and many others with it.

        Spread over as long as it is late, so that no burst follows a pause; it stays in memory, and well
        within what is left until it lapses.
        """
        late = min(now - delivery.next, (delivery.lapses - now) / 2, self._horizon)
        if late <= 0 or delivery.attempts:
            return delivery
        return msgspec.structs.replace(delivery, next=now + late * self._entropy.jitter())

    def _route(self, job: JobContext, deliveries: list[Delivery], now: float) -> None:
        """Say where deliveries of one job wait, one after the other: in memory, or in a tier and why."""
        control = self._campaigns.of(job.job.campaign_id)
        if control.state is State.CANCELLED:
            self._settle_each(deliveries, Settled(Status.CANCELLED), now)
        elif not job.message.fits:
            self._settle_each(deliveries, Settled(Status.REJECTED, "payload_too_large"), now)
        elif control.state is State.PAUSED:
            for delivery in self._alive(deliveries, now):
                self._rest(delivery, control, now)
        else:
            self._keep(job, self._alive(deliveries, now), now)

    def _alive(self, deliveries: list[Delivery], now: float) -> list[Delivery]:
        """Settle what has lapsed, or will before its next attempt."""
        alive = [each for each in deliveries if now <= each.lapses >= each.next]
        if len(alive) < len(deliveries):
            lapsed = [each for each in deliveries if not now <= each.lapses >= each.next]
            self._settle_each(lapsed, Settled(Status.LAPSED), now)
        return alive

    def _rest(self, delivery: Delivery, control: Control, now: float) -> None:
        """Postpone what is paused, for as long as the pause or its own time wants, whichever is longer."""
        rest = pause_tier(now - control.at, delivery.lapses - now)
        tier = choose_tier(delivery.next - now, self._horizon)
        self._postpone(delivery, tier if tier and tier.delay > rest.delay else rest, "paused")

    def _keep(self, job: JobContext, deliveries: list[Delivery], now: float) -> None:
        """Keep in memory what is due within the horizon, which shrinks as they fill the buffer."""
        for far, together in groupby(deliveries, lambda each: each.next - now > HORIZON_FULL):
            if not far:
                self._admit(job, list(together), now)
                continue
            horizon = self._horizon
            for delivery in together:
                if tier := choose_tier(delivery.next - now, horizon):
                    self._postpone(delivery, tier, "retry" if delivery.attempts else "not_due")
                else:
                    self._admit(job, [delivery], now)
                    horizon = self._horizon

    def _admit(self, job: JobContext, deliveries: list[Delivery], now: float) -> None:
        """Let deliveries into the queue, but for the surplus of a site that holds half of the buffer."""
        held = self._queue.of_site(job.job.site_id, job.lane)
        room = max(0, self._limits.buffered // 2 - held)
        self._queue.add(job, deliveries[:room], now)
        for delivery in deliveries[room:]:
            self._postpone(delivery, SHORTEST, "surplus")

    @property
    def _horizon(self) -> float:
        return HORIZON_FULL if self._queue.waiting * 2 >= self._limits.buffered else HORIZON

    # ── queue, personalise, encrypt, authorize, build ───────────────────────────────────────────────────

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
                    self._settle([delivery], made, now)
        return flights

    def recall(self, flight: Flight, now: float) -> None:
        """Take back a request that did not go onto the wire."""
        self._politeness.recall(flight.delivery, flight.sent_at)
        if self.still_owns(flight):
            self._route(flight.delivery.job, [flight.delivery], now)

    def still_owns(self, flight: Flight) -> bool:
        """Whether what a request is for is still this process's to settle."""
        return self._ledger.knows(flight.delivery.entry)

    def _room(self, lane: Lane, key: str, site_id: str) -> int:
        others_wait = lane is Lane.URGENT and self._queue.waits(Lane.NORMAL)
        return self._politeness.room(lane, key, site_id, others_wait=others_wait)

    def _choose(self, now: float, most: int) -> list[Delivery]:
        """Take out deliveries whose turn it is, with a slot for each, up to the probe of a closed gate.

        If that cannot be made into a request, the next one is the probe.
        """
        chosen: list[Delivery] = []
        at_risk_left = self._at_risk_left  # whatever is taken out is: on the wire, or settled
        while len(chosen) < most and at_risk_left > 0:
            run = self._queue.take(self._room, min(most - len(chosen), at_risk_left))
            at_risk_left -= len(run)
            going = self._may_go(run, now)
            if going:
                self._politeness.take(going[0], len(going))
                chosen += going
            if not run or (going and self._politeness.probes(going[0])):
                break
        return chosen

    def _may_go(self, run: list[Delivery], now: float) -> list[Delivery]:
        """Settle what has lapsed of a run, and postpone the rest if its gate is closed."""
        going = self._alive(run, now)
        until = self._politeness.wait_until(going[0], now) if going else None
        if until is None:
            return going
        for delivery in going:
            # As it is: one that was never tried must go on moving with the pauses of its campaign.
            self._postpone(delivery, choose_tier(until - now, 0.0) or SHORTEST, "gate_closed")
        return []

    # ── classify, settle ────────────────────────────────────────────────────────────────────────────────

    def land(self, flights: Sequence[Flight], answer: Answer, now: float) -> None:
        """Take in an answer that a row of requests got: their recipients are settled, or tried again later.

        Args:
            flights: One, or a row as in `landing.rows`.
            answer: What each of them got.
            now: When.
        """
        first = flights[0].delivery
        verdict = classify(first.endpoint.origin.service, answer)
        verdict = self._politeness.learn(flights, answer, verdict, now)
        measure_landed(self._metrics, flights, answer, now)
        if not self._ledger.knows(first.entry):
            return  # the partition is another worker's by now, and with it what becomes of these recipients
        deliveries = [flight.delivery for flight in flights]
        if isinstance(verdict, TryAgain):
            for delivery in deliveries:
                self._try_again(delivery, verdict, answer, now)
        else:
            self._settle(deliveries, verdict, now, answer)

    def _try_again(self, delivery: Delivery, verdict: TryAgain, answer: Answer, now: float) -> None:
        attempts = delivery.attempts + 1
        at = decide(
            verdict,
            delivery.job.plan,
            due=delivery.due,
            attempts=attempts,
            limit=self._limits.attempts,
            wait=_asked_to_wait(verdict, answer, now),
            jitter=self._entropy.jitter(),
            now=now,
        )
        if isinstance(at, Settled):
            self._settle([delivery], at, now, answer)
            return
        service = delivery.endpoint.origin.service
        self._metrics.retries[service][verdict.reason].inc()
        if verdict is QUARANTINED:
            self._metrics.quarantined[service].inc()
        lapses = lapses_at(delivery.job.plan, delivery.due, attempts)
        again = msgspec.structs.replace(delivery, attempts=attempts, next=at, lapses=lapses)
        self._route(delivery.job, [again], now)

    def _settle(
        self, deliveries: Sequence[Delivery], settled: Settled, now: float, answer: Answer | None = None
    ) -> None:
        """Note the end of recipients of one record, at one push service.

        Args:
            deliveries: Whose.
            settled: What became of them.
            now: When.
            answer: What an attempt that is not counted yet brought, if there was one.
        """
        first = deliveries[0]
        status, detail, service = settled.status, settled.detail, first.endpoint.origin.service
        made = 0 if answer is None else 1
        code = answer.status if isinstance(answer, PushResponse) else None
        at, gone = moment(now), status is Status.EXPIRED
        effects: list[tuple[int, Effect]] = []
        for each in deliveries:
            attempts = each.attempts + made
            outcome = Outcome(each.recipient.id, status, at, attempts, code, service, detail)
            effects.append((each.index, Gone(outcome, _endpoint_of(each)) if gone else outcome))
        self._conclude(first.job, first.entry, outcome, effects)

    def _settle_each(self, deliveries: Iterable[Delivery], settled: Settled, now: float) -> None:
        """Note the end of recipients that no answer was for, of whatever records and push services."""
        for delivery in deliveries:
            self._settle([delivery], settled, now)

    def _conclude(
        self, job: JobContext, entry: OpenEntry, alike: Outcome, effects: Sequence[tuple[int, Effect]]
    ) -> None:
        """Write down the end of recipients of one record; but for ids and attempts, each is like `alike`."""
        self._metrics.outcomes[alike.push_service or NO_SERVICE][alike.status].inc(len(effects))
        self._tally.count(job.job, alike.status, len(effects))
        self._ledger.settle(entry, effects)

    def _postpone(self, delivery: Delivery, tier: Tier, reason: str) -> None:
        # One that was never tried goes on moving with the pauses of its campaign.
        moved = (delivery.due, delivery.next) if delivery.attempts else None
        effect = Postponed(delivery.recipient, delivery.number, delivery.attempts, tier, moved)
        self._metrics.deferred[tier.name][reason].inc()
        self._tally.count(delivery.job.job, None)
        self._ledger.settle(delivery.entry, [(delivery.index, effect)])

    # ── the ledger: checkpoints, and what is owned ──────────────────────────────────────────────────────

    def checkpoint(self, now: float, *, last: bool = False) -> Batch | None:
        """Take what has settled since the last one; None where there is nothing to say.

        While anything is open there is: its commit renews the lease. Each must be acknowledged, or everything
        forgotten, before the next one is taken.

        Args:
            now: Seconds since the epoch.
            last: Whether this process is on its way out, so that nothing is kept back for later.
        """
        crowded = self._ledger.crowded()
        if crowded:
            self._hand_on(lambda delivery: delivery.entry.partition in crowded, now)
        checkpoint = self._ledger.checkpoint()
        written = list(publications(checkpoint.settled, self._limits.worker)) if checkpoint else []
        if last or self._tally.due(now):
            written += self._tally.flush(now)
        return Batch(written, checkpoint) if checkpoint or written else None

    def renewal(self) -> dict[Partition, Commit]:
        """What can be committed once more, to hear from Kafka whether the partitions are still one's own."""
        return self._ledger.renewal()

    def acknowledge(self, batch: Batch) -> None:
        """Note that Kafka has a batch's records and its commits."""
        if batch.checkpoint:
            self._ledger.acknowledge(batch.checkpoint)

    def assign(self, partition: Partition, progress: Progress) -> None:
        """Own a partition from where its last checkpoint left it."""
        self._ledger.assign(partition, progress)

    def hand_back(self, now: float) -> None:
        """Before the partitions go: what has been attempted and waits goes to a tier, the rest is let go.

        Recipients that were never tried stay open in the ledger's map: whoever comes next sends them.
        """
        self._hand_on(lambda delivery: delivery.attempts > 0, now)
        self._queue.clear()

    def forget(self) -> None:
        """Drop everything: the partitions are another worker's."""
        self._queue.clear()
        self._tally.clear()
        self._ledger.forget()

    def _hand_on(self, wanted: Callable[[Delivery], bool], now: float) -> None:
        for delivery in self._queue.extract(wanted, now):
            self._postpone(delivery, SHORTEST, "retry" if delivery.attempts else "surplus")

    # ── campaigns ───────────────────────────────────────────────────────────────────────────────────────

    def control(self, control: CampaignControl, now: float) -> None:
        """Follow a control record: what waits in memory and may not go any more leaves it at once."""
        self._campaigns.apply(control)
        campaign = control.campaign_id
        leaving = self._queue.extract(lambda each: each.job.job.campaign_id == campaign, now)
        for job, together in groupby(leaving, attrgetter("job")):
            self._route(job, [each if each.attempts else self._moved(each, now) for each in together], now)

    def _moved(self, delivery: Delivery, now: float) -> Delivery:
        """A delivery at the time that the pauses of its campaign have moved it to."""
        plan, shift = delivery.job.plan, self._campaigns.of(delivery.job.job.campaign_id).shift_at(now)
        when = times(plan, delivery.recipient, delivery.index, shift)
        lapses = lapses_at(plan, when.due, 0)
        return msgspec.structs.replace(delivery, due=when.due, next=when.next, lapses=lapses)

    def release(self, campaign_id: str) -> None:
        """Follow a tombstone in the control topic: the campaign runs as planned."""
        self._campaigns.forget(campaign_id)

    # ── what can be seen from outside ───────────────────────────────────────────────────────────────────

    @property
    def buffered(self) -> int:
        """Recipients in memory that are not settled."""
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
        """Recipients that are settled and not acknowledged."""
        return self._ledger.unacknowledged

    @property
    def next_due(self) -> float | None:
        """When the first delivery that waits in memory is due."""
        return self._queue.next_due

    @property
    def partitions(self) -> frozenset[Partition]:
        """What is owned."""
        return self._ledger.partitions

    def position(self, partition: Partition) -> int:
        """The offset behind the last record that was accepted."""
        return self._ledger.position(partition)

    def gauge(self) -> None:
        """Bring the metrics that are read rather than counted up to date."""
        measure_levels(self._metrics, self._queue, self._politeness)

    def closed_gates(self) -> dict[str, int]:
        """Closed gates by push service (`Origin.key`)."""
        return self._politeness.closed_gates()

    def incidents(self) -> frozenset[PushService]:
        """Push services whose expirations are not believed for now."""
        return self._politeness.incidents()

    @property
    def _at_risk_left(self) -> int:
        return CHECKPOINT_MAX - self._ledger.unacknowledged - self._politeness.in_flight


def _endpoint_of(delivery: Delivery) -> str:
    return delivery.recipient.subscription.endpoint if delivery.recipient.subscription else ""


def _asked_to_wait(verdict: TryAgain, answer: Answer, now: float) -> float:
    if verdict is QUARANTINED:
        return QUARANTINE
    return retry_after(answer.headers, now) if isinstance(answer, PushResponse) else 0.0
