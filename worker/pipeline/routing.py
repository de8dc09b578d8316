"""Where each delivery waits: in memory, in which tier, or nowhere because it has ended.

Decides on its times, its campaign's state and the room in memory; knows nothing of requests or answers.
"""

from collections.abc import Callable
from itertools import groupby
from math import inf
from operator import attrgetter

import msgspec

from worker.pipeline.build import NO_VAPID_KEY, Entropy
from worker.pipeline.delivery import Delivery, JobContext
from worker.pipeline.queue import DueQueue
from worker.pipeline.settlement import Settlement
from worker.push.verdict import Settled
from worker.records.control import CampaignControl, Campaigns, Control, State
from worker.records.outcome import Status
from worker.records.topics import SHORTEST
from worker.timing.lapse import why_lapsed
from worker.timing.schedule import lapses_at, times
from worker.timing.tiers import HORIZON, HORIZON_FULL, choose_tier, key_tier, pause_tier


class Routing:
    """Fills the queue, and clears it of what may no longer wait there; times are seconds since the epoch."""

    def __init__(
        self,
        queue: DueQueue,
        campaigns: Campaigns,
        settlement: Settlement,
        entropy: Entropy,
        buffered: int,
    ) -> None:
        self._queue = queue
        self._campaigns = campaigns
        self._settlement = settlement
        self._entropy = entropy
        self._buffered = buffered

    def route(self, job: JobContext, deliveries: list[Delivery], now: float) -> None:
        """Settle deliveries of one job that have ended; put each of the others into the queue or a tier."""
        control = self._campaigns.of(job.job.campaign_id)
        if control.state is State.CANCELLED:
            self._settlement.settle_each(deliveries, Settled(Status.CANCELLED), now)
        elif not job.message.fits:
            self._settlement.settle_each(deliveries, Settled(Status.REJECTED, "payload_too_large"), now)
        elif control.state is State.PAUSED:
            for delivery in self.alive(deliveries, now):
                self._rest(delivery, control, now)
        else:
            self._keep(job, self.alive(deliveries, now), now)

    def alive(self, deliveries: list[Delivery], now: float) -> list[Delivery]:
        """Settle the deliveries that have lapsed, or will before their next attempt; return the others."""
        alive = [each for each in deliveries if now <= each.lapses >= each.next]
        if len(alive) < len(deliveries):
            for each in deliveries:
                if not now <= each.lapses >= each.next:
                    self._settlement.settle([each], _why_lapsed(each), now)
        return alive

    def eased(self, delivery: Delivery, now: float) -> Delivery:
        """Delay a late delivery of a campaign that was paused, since many others may be late with it.

        The delay is random, at most as long as it is late, so that no burst follows a pause. It stays within
        the horizon, and within half of the time left until the delivery lapses.
        """
        late = min(now - delivery.next, (delivery.lapses - now) / 2, self._horizon)
        if late <= 0 or delivery.attempts:
            return delivery
        return msgspec.structs.replace(delivery, next=now + late * self._entropy.jitter())

    def move(self, control: CampaignControl, now: float) -> None:
        """Route the waiting deliveries of a campaign again; its control record has been applied."""
        campaign = control.campaign_id
        leaving = self._queue.extract(lambda each: each.job.job.campaign_id == campaign, now)
        for job, together in groupby(leaving, attrgetter("job")):
            self.route(job, [each if each.attempts else self._moved(each, now) for each in together], now)

    def hand_on(self, wanted: Callable[[Delivery], bool], now: float) -> None:
        """Hand every delivery in the queue that `wanted` picks to the shortest tier."""
        for delivery in self._queue.extract(wanted, now):
            self._settlement.postpone(delivery, SHORTEST, "retry" if delivery.attempts else "surplus")

    def unsent(self, delivery: Delivery, end: Settled, now: float) -> None:
        """Settle a delivery for which no request can be made; one whose key is missing waits for it first."""
        since = now if delivery.keyless_since is None else delivery.keyless_since
        named = end is NO_VAPID_KEY and delivery.job.job.vapid_key is not None
        tier = key_tier(now - since) if named else None
        if tier is None or now + tier.delay > delivery.lapses:
            self._settlement.settle([delivery], end, now)
        else:
            waiting = msgspec.structs.replace(delivery, keyless_since=since)
            self._settlement.postpone(waiting, tier, "no_vapid_key")

    def _rest(self, delivery: Delivery, control: Control, now: float) -> None:
        """Postpone a paused delivery, for as long as the pause or its own time asks, whichever is longer."""
        rest = pause_tier(now - control.at, delivery.lapses - now)
        tier = choose_tier(delivery.next - now, self._horizon)
        self._settlement.postpone(delivery, tier if tier and tier.delay > rest.delay else rest, "paused")

    def _keep(self, job: JobContext, deliveries: list[Delivery], now: float) -> None:
        """Queue what is due within the horizon, which shrinks as the buffer fills; postpone the rest."""
        for far, together in groupby(deliveries, lambda each: each.next - now > HORIZON_FULL):
            if not far:
                self._admit(job, list(together), now)
                continue
            horizon = self._horizon
            for delivery in together:
                if tier := choose_tier(delivery.next - now, horizon):
                    self._settlement.postpone(delivery, tier, "retry" if delivery.attempts else "not_due")
                else:
                    self._admit(job, [delivery], now)
                    horizon = self._horizon

    def _admit(self, job: JobContext, deliveries: list[Delivery], now: float) -> None:
        """Queue deliveries; if their site then has more than half of the buffer, postpone the surplus."""
        ahead = self._queue.of_site(job.job.site_id, job.lane)
        room = max(0, self._buffered // 2 - ahead)
        self._queue.add(job, deliveries[:room], now)
        for delivery in deliveries[room:]:
            self._settlement.postpone(delivery, SHORTEST, "surplus")

    @property
    def _horizon(self) -> float:
        return HORIZON_FULL if self._queue.waiting * 2 >= self._buffered else HORIZON

    def _moved(self, delivery: Delivery, now: float) -> Delivery:
        """Return a delivery at the time to which its campaign's pauses have moved it."""
        plan, shift = delivery.job.plan, self._campaigns.of(delivery.job.job.campaign_id).shift_at(now)
        when = times(plan, delivery.recipient, delivery.index, shift)
        lapses = lapses_at(plan, when.due, 0)
        return msgspec.structs.replace(delivery, due=when.due, next=when.next, lapses=lapses)


def _why_lapsed(delivery: Delivery) -> Settled:
    return why_lapsed(
        delivery.job.plan,
        delivery.recipient,
        delivery.index,
        lapses=delivery.lapses,
        attempts=delivery.attempts,
        came_at=-inf if delivery.entry.was_open else delivery.job.came_at,
    )
