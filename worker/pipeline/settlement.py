"""How recipients are settled: by an outcome, a tier or a dead letter, entered in the ledger and counted.

Decides what a settlement enters and what a checkpoint writes; knows nothing of queues, gates or limits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from worker.ledger.ledger import Checkpoint, Entry, Ledger
from worker.metrics import NO_SERVICE, Metrics
from worker.pipeline.delivery import Delivery, JobContext
from worker.pipeline.intake import TakenIn
from worker.pipeline.placement import Unsendable
from worker.pipeline.publication import Effect, Gone, Postponed, publications
from worker.pipeline.tally import Tally
from worker.push.answers import Answer, PushResponse
from worker.push.verdict import Settled
from worker.records.dead_letter import dead_letter
from worker.records.envelope import Publication, Record
from worker.records.job import LaterJob
from worker.records.outcome import Outcome, Status
from worker.records.recipient import LaterRecipient, Unreadable
from worker.records.topics import Tier
from worker.records.values import RecordError, moment
from worker.timing.schedule import number_of

OpenEntry = Entry[JobContext | None, Effect]


@dataclass(frozen=True, slots=True)
class Batch:
    """A checkpoint, and the records that must be acknowledged before its commits are made."""

    publications: list[Publication]
    checkpoint: Checkpoint[JobContext | None, Effect] | None


class Settlement:
    """The only place that settles anything in the ledger; times are seconds since the epoch."""

    def __init__(
        self,
        ledger: Ledger[JobContext | None, Effect],
        tally: Tally,
        metrics: Metrics,
        *,
        topic_prefix: str,
        worker: str,
    ) -> None:
        self._ledger = ledger
        self._tally = tally
        self._metrics = metrics
        self._topic_prefix = topic_prefix
        self._worker = worker

    def settle(
        self, deliveries: Sequence[Delivery], settled: Settled, now: float, answer: Answer | None = None
    ) -> None:
        """Settle recipients of one record at one push service.

        Args:
            deliveries: The recipients' deliveries.
            settled: What became of them.
            now: Seconds since the epoch.
            answer: The answer to an attempt that their `attempts` do not count yet, or None.
        """
        first = deliveries[0]
        status, detail, service = settled.status, settled.detail, first.endpoint.origin.service
        made = 0 if answer is None else 1
        code = answer.status if isinstance(answer, PushResponse) else None
        at, gone = moment(now), status is Status.EXPIRED
        effects: list[tuple[int, Effect]] = []
        for each in deliveries:
            attempts = each.attempts + made
            recipient = each.recipient
            outcome = Outcome(recipient.id, status, at, attempts, code, service, detail, each.number)
            effects.append((each.index, Gone(outcome, recipient.subscription.endpoint) if gone else outcome))
        self._conclude(first.job, first.entry, outcome, effects)

    def settle_each(self, deliveries: Iterable[Delivery], settled: Settled, now: float) -> None:
        """Settle recipients, of any records and push services, for which there was no answer."""
        for delivery in deliveries:
            self.settle([delivery], settled, now)

    def settle_unsendable(
        self, taken: TakenIn, entry: OpenEntry, unsendable: Iterable[Unsendable], now: float
    ) -> None:
        """Settle the recipients of a record that cannot become deliveries."""
        at = moment(now)
        for index, end in unsendable:
            recipient = taken.recipients[index]
            attempts = recipient.attempts if isinstance(recipient, LaterRecipient) else 0
            number = _number(taken, index)
            outcome = Outcome(recipient.id, end.status, at, attempts, None, None, end.detail, number)
            self._conclude(taken.job, entry, outcome, [(index, outcome)])

    def postpone(self, delivery: Delivery, tier: Tier, reason: str) -> None:
        """Hand a delivery to a tier; from then on the tier's record stands for it."""
        # A delivery that was never tried still moves with its campaign's pauses.
        moved = (delivery.due, delivery.next) if delivery.attempts else None
        effect = Postponed(
            *(delivery.recipient, delivery.number, delivery.attempts, tier, moved),
            *(delivery.doubted, delivery.keyless_since),
        )
        self._metrics.deferred[tier.name][reason].inc()
        self._tally.count(delivery.job.job, None)
        self._ledger.settle(delivery.entry, [(delivery.index, effect)])

    def dead_letter(self, record: Record, error: RecordError) -> RecordError | None:
        """Settle a record that cannot be handled as a dead letter.

        Returns:
            `error`; None if the record is settled already, or is not this process's to settle.
        """
        entry = self._ledger.open_record(record.partition, record.offset, 1, None)
        if entry is None:
            return None
        self._metrics.dead_letters[error.code].inc()
        self._ledger.settle(entry, [(0, dead_letter(record, error, self._topic_prefix))])
        return error

    def checkpoint(self, now: float, *, last: bool) -> Batch | None:
        """Take what has settled, and statistics that are due; None if there is nothing to write or commit.

        Args:
            now: Seconds since the epoch.
            last: Whether to write all statistics, even those that are not due.
        """
        checkpoint = self._ledger.checkpoint()
        written = list(publications(checkpoint.settled, self._worker)) if checkpoint else []
        if last or self._tally.due(now):
            written += self._tally.flush(now)
        return Batch(written, checkpoint) if checkpoint or written else None

    def forget(self) -> None:
        """Drop everything that is not acknowledged: the partitions are another worker's."""
        self._tally.clear()
        self._ledger.forget()

    def _conclude(
        self, job: JobContext, entry: OpenEntry, alike: Outcome, effects: Sequence[tuple[int, Effect]]
    ) -> None:
        """Settle recipients of one record whose outcomes differ from `alike` in what is their own alone."""
        self._metrics.outcomes[alike.push_service or NO_SERVICE][alike.status].inc(len(effects))
        self._tally.count(job.job, alike.status, len(effects))
        self._ledger.settle(entry, effects)


def _number(taken: TakenIn, index: int) -> int | None:
    """Return the place of a recipient that may be unreadable, and so may have lost what a tier said of it."""
    job, recipient = taken.job, taken.recipients[index]
    if isinstance(job.job, LaterJob) and isinstance(recipient, Unreadable):
        return None
    return number_of(job.plan, recipient, index)
