"""How push services are spared: concurrency limits, back-off gates, and doubt about waves of expirations.

Decides what each of the three learns from an answer. They know nothing of each other, and none of them knows
what becomes of a delivery.
"""

from collections.abc import Sequence

from worker.limits.doubt import Doubt, Doubted
from worker.limits.gates import Gates
from worker.limits.limiter import Limiter
from worker.pipeline.delivery import Delivery, Flight
from worker.push.answers import Answer, PushResponse, TransportFailure, retry_after
from worker.push.verdict import Settled, TryAgain, Verdict
from worker.records.job import Lane
from worker.records.outcome import Status

QUARANTINED = TryAgain("quarantined")
QUARANTINE = 600.0
"""Seconds after which a recipient whose expiration is doubted is tried again."""


class Politeness:
    """One process's politeness towards all push services; times are seconds since the epoch."""

    def __init__(self, slots: int) -> None:
        self._limiter = Limiter(slots)
        self._gates = Gates()
        self._doubt = Doubt()

    @property
    def in_flight(self) -> int:
        """Requests on the wire."""
        return self._limiter.in_flight

    @property
    def free(self) -> int:
        """How many more requests may go onto the wire."""
        return self._limiter.free

    @property
    def ceiling(self) -> int:
        """The highest concurrency limit that a push service can have."""
        return self._limiter.ceiling

    def room(self, lane: Lane, key: str, site_id: str, *, others_wait: bool) -> int:
        """Return how many more requests of a lane and a site a push service (by `Origin.key`) may have.

        At most one if a gate is closed, even if the gate will hold it back: any request may be the probe.
        """
        room = self._limiter.room(key, lane, others_wait=others_wait)
        return min(room, 1) if self._gates.closed_to(key, site_id) else room

    def wait_until(self, delivery: Delivery, now: float) -> float | None:
        """Return until when a delivery must wait for a gate; None if it, and others like it, may go."""
        return self._gates.wait_until(delivery.endpoint.origin.key, delivery.job.job.site_id, now)

    def closed_to(self, delivery: Delivery) -> bool:
        """Return whether a gate is closed to a delivery: if it may go all the same, it is the probe."""
        return self._gates.closed_to(delivery.endpoint.origin.key, delivery.job.job.site_id)

    def take(self, delivery: Delivery, slots: int = 1) -> None:
        """Hold slots for requests like this one; `learn` and `recall` give them back."""
        self._limiter.take(delivery.endpoint.origin.key, delivery.job.lane, slots)

    def recall(self, delivery: Delivery, taken_at: float) -> None:
        """Give back the slot of a request that never went out."""
        key = delivery.endpoint.origin.key
        self._limiter.give_back(key, delivery.job.lane)
        self._gates.recalled(key, delivery.job.job.site_id, taken_at)

    def learn(self, flights: Sequence[Flight], answer: Answer, verdict: Verdict, now: float) -> Verdict:
        """Learn from an answer, and decide what it means in the light of the others.

        Args:
            flights: The requests that got it: one, or a row as in `landing.rows`.
            answer: The answer.
            verdict: What it means by itself.
            now: When it came.

        Returns:
            `verdict`, or `QUARANTINED` for an expiration that is doubted.
        """
        delivery = flights[0].delivery
        origin, site = delivery.endpoint.origin, delivery.job.job.site_id
        throttled = isinstance(verdict, TryAgain) and verdict.throttled
        troubled = throttled or answer is TransportFailure.TIMEOUT
        self._limiter.release(origin.key, delivery.job.lane, len(flights), troubled=troubled, now=now)
        # The latest: a gate opens for a request that went out after it had closed.
        sent_at = max([flight.sent_at for flight in flights])
        if isinstance(answer, TransportFailure):
            self._fail(origin.key, site, answer, sent_at, now)
        elif throttled:
            wait = retry_after(answer.headers, now)
            self._gates.throttled(origin.key, site, wait, sent_at=sent_at, now=now)
        else:
            self._gates.answered(origin.key, site, sent_at)
            if isinstance(verdict, Settled):
                gone = verdict.status is Status.EXPIRED
                doubted = self._doubt.note(
                    origin.service, site, len(flights), gone=gone, again=delivery.doubted, now=now
                )
                return QUARANTINED if doubted else verdict
        return verdict

    def limits(self) -> dict[str, tuple[int, int]]:
        """Return requests in flight and the limit of each push service that holds slots or is limited."""
        return self._limiter.limits()

    def closed_gates(self) -> dict[str, int]:
        """Return how many gates are closed, by push service (`Origin.key`)."""
        return dict(self._gates.closed())

    def doubted(self, now: float) -> Doubted:
        """Return whose expirations are doubted at present."""
        return self._doubt.present(now)

    def _fail(self, key: str, site: str, failure: TransportFailure, sent_at: float, now: float) -> None:
        if failure is TransportFailure.ADDRESS_REFUSED:
            self._gates.recalled(key, site, sent_at)
        else:
            self._gates.unreachable(key, site, sent_at=sent_at, now=now)


def asked_to_wait(verdict: TryAgain, answer: Answer, now: float) -> float:
    """Return for how many seconds at least a recipient must not be tried again."""
    if verdict is QUARANTINED:
        return QUARANTINE
    return retry_after(answer.headers, now) if isinstance(answer, PushResponse) else 0.0
