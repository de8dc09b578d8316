"""A small world around the pipeline: logs, push services with moods, a clock, workers that come and go.

Invariants are asserted at the moment they could break; what must be true in the end is asserted at the end.
"""

import json
import random
from math import inf

from prometheus_client import CollectorRegistry

from tests.worker.pipeline.moods import TOLERANCE, PushServices, Upstream
from tests.worker.support import (
    NOW,
    FixedEntropy,
    land,
    make_pipeline,
    record,
    restored,
)
from worker.ledger.ledger import CHECKPOINT_MAX
from worker.metrics import Metrics
from worker.pipeline.pipeline import Record
from worker.push.answers import PushResponse
from worker.records.control import State
from worker.records.envelope import Commit, Partition
from worker.records.topics import BY_TOPIC, TIERS
from worker.timing.tiers import ready_at

ATTEMPTS = 4


INPUTS = [Partition("jobs", 0), Partition("jobs", 1), Partition("jobs.urgent", 0)]


LATER = [Partition(tier.topic, 0) for tier in TIERS]


FINAL = {201: "sent", 404: "expired", 410: "expired", 403: "unauthorized", 413: "rejected"}


class Jitter(FixedEntropy):
    def __init__(self, dice):
        super().__init__()
        self.jitter = dice.random


class World:
    def __init__(self, seed, *, clean):
        self.dice = random.Random(seed)
        self.clean = clean
        self.now = NOW
        self.upstream = Upstream(self.dice)
        self.services = PushServices(self.dice)
        self.logs = {partition: [] for partition in INPUTS + LATER}
        self.ends = dict.fromkeys(self.logs, 0)
        self.commits = {partition: Commit(0, "") for partition in self.logs}
        self.metrics = Metrics(CollectorRegistry())
        self.made = self.may_repeat = 0
        self.flights = []
        self.start()

    # ── the logs ────────────────────────────────────────────────────────────────────────────────────────

    def produce(self, jobs):
        for _ in range(jobs):
            partition = self.dice.choice(INPUTS)
            self._append(partition, self.upstream.job(self.made, self.now))
            self.made += 1

    def _append(self, partition, value):
        before, behind = self.dice.choice([(0, 0), (0, 0), (0, 1), (3, 0)])  # markers of transactions
        offset = self.ends[partition] + before
        self.ends[partition] = offset + 1 + behind
        written = value if isinstance(value, Record) else record(value, partition, offset, self.now)
        self.logs[partition].append(written)

    def _publish(self, publications):
        for each in publications:
            if each.topic in BY_TOPIC:
                self._append(Partition(each.topic, 0), each.value)
            elif each.topic == "outcomes":
                batch = json.loads(each.value)
                for outcome in batch["outcomes"]:
                    self.upstream.promises[batch["job_id"], outcome["recipient_id"]].outcomes.append(outcome)

    # ── a worker's life ─────────────────────────────────────────────────────────────────────────────────

    def start(self):
        self.pipeline = make_pipeline(
            Partition("none", 0),
            now=self.now,
            metrics=self.metrics,
            entropy=Jitter(self.dice),
            in_flight=24,
            attempts=ATTEMPTS,
        )
        for campaign in self.upstream.campaigns:
            self.pipeline.control(campaign.control(), self.now)
        self.flights = []
        self.assign()

    def assign(self):
        self.seen = {}
        self.position = {partition: commit.offset for partition, commit in self.commits.items()}
        for partition, commit in self.commits.items():
            self.pipeline.assign(partition, restored(commit))

    def step(self):
        self.read()
        self.send()
        self.land()
        if self.dice.random() < 0.5:
            self.checkpoint()
        self.wait()

    def decide(self):
        """Pause a campaign, resume it, or, rarely, cancel it."""
        campaign = self.dice.choice(self.upstream.campaigns)
        cancels = self.dice.random() < 0.05
        match campaign.state:
            case State.RUNNING:
                self.turn(campaign, State.CANCELLED if cancels else State.PAUSED)
            case State.PAUSED:
                self.turn(campaign, State.CANCELLED if cancels else State.RUNNING)

    def turn(self, campaign, state):
        campaign.turn(state, self.now)
        self.pipeline.control(campaign.control(), self.now)

    def read(self):
        for partition in self.logs:
            while (
                (record := self._next(partition))
                and self._ready(record)
                and self.pipeline.has_room(partition, record.urgent)
            ):
                self.position[partition] = record.offset + 1
                self.pipeline.accept(record, self.now)
                self._check_bounds()

    def _next(self, partition):
        return next((each for each in self.logs[partition] if each.offset >= self.position[partition]), None)

    def _ready(self, record):
        return self._ready_at(record) <= self.now

    def _ready_at(self, record):
        tier = BY_TOPIC.get(record.partition.topic)
        first_seen = self.seen.setdefault((record.partition, record.offset), self.now)
        return ready_at(tier, record.timestamp, first_seen) if tier else self.now

    def send(self):
        for flight in self.pipeline.dispatch(self.now, self.dice.choice([1, 5, 100])):
            if self.dice.random() < 0.05:
                self.pipeline.recall(flight, self.now)
                continue
            delivery = flight.delivery
            answer = self.services.answer(delivery.endpoint.origin.key, self.now)
            assert self.pipeline.still_owns(flight)
            promise = self.upstream.promises[delivery.job.job.job_id, delivery.recipient.id]
            alive = promise.check_push(self.now, int(flight.request.headers["TTL"]), clean=self.clean)
            if self.clean:
                assert alive
                assert promise.not_before <= self.now + TOLERANCE
                assert len(promise.answers) == delivery.attempts < ATTEMPTS
                assert not any(status_of(given) in FINAL for given in promise.answers)
            promise.answers.append(answer)
            self.flights.append((self.now + self.dice.choice([0.02, 0.3, 5.0]), flight, answer, promise))
        self._check_bounds()

    def land(self):
        landed = [each for each in self.flights if each[0] <= self.now]
        self.flights = [each for each in self.flights if each[0] > self.now]
        land(self.pipeline, [(flight, answer) for _, flight, answer, _ in landed], self.now)
        for _, _, answer, promise in landed:
            asked = answer.headers.get("retry-after", "0") if isinstance(answer, PushResponse) else "0"
            promise.not_before = max(promise.not_before, self.now + float(asked) if asked.isdigit() else 0)

    def skip(self):
        for partition, position in self.position.items():
            ahead = self._next(partition)
            self.pipeline.skip(partition, position, ahead.offset if ahead else self.ends[partition])

    def checkpoint(self, *, die_before_commit=False):
        self.skip()
        batch = self.pipeline.checkpoint(self.now)
        if batch is None:
            return
        self._publish(batch.publications)
        if die_before_commit:
            return
        for partition, commit in batch.checkpoint.commits.items() if batch.checkpoint else ():
            assert commit.offset >= self.commits[partition].offset
            self.commits[partition] = commit
        self.pipeline.acknowledge(batch)

    def wait(self):
        """Move on to the next moment at which something can happen."""
        tiers = (self._ready_at(each) for partition in LATER if (each := self._next(partition)))
        events = [self.pipeline.next_due or inf, *(landing[0] for landing in self.flights), *tiers]
        soonest = min(events)
        step = self.dice.choice([0.05, 0.25, 1.0])
        self.now = max(self.now + step, soonest if soonest < inf and not self.pipeline.unacknowledged else 0)

    def _check_bounds(self):
        assert self.pipeline.unacknowledged + self.pipeline.in_flight <= CHECKPOINT_MAX
        assert self.pipeline.in_flight <= 24

    # ── how a life ends ─────────────────────────────────────────────────────────────────────────────────

    def stop(self):
        """Drain, as in a rolling update or before a rebalance."""
        while self.flights:
            self.now += 0.1
            self.land()
        self.pipeline.hand_back(self.now)
        while self.pipeline.unacknowledged:
            self.checkpoint()
        self._next_life()

    def kill(self):
        """Die without a chance to clean up, perhaps between the outcomes and the commit."""
        self.may_repeat += self.pipeline.unacknowledged + self.pipeline.in_flight
        if self.dice.random() < 0.5:
            self.checkpoint(die_before_commit=True)
        self.start()

    def lose(self):
        """Lose the partitions; what is in flight lands in a pipeline that no longer owns it."""
        self.may_repeat += self.pipeline.unacknowledged + self.pipeline.in_flight
        self.pipeline.forget()
        self.assign()

    def _next_life(self):
        if self.dice.random() < 0.5:
            self.pipeline.forget()
            self.assign()
        else:
            self.start()

    # ── from beginning to end ───────────────────────────────────────────────────────────────────────────

    def live(self, lives):
        for _ in range(lives):
            self.produce(self.dice.randrange(6))
            for _ in range(self.dice.randrange(1, 60)):
                if self.dice.random() < 0.1:
                    self.decide()
                self.step()
            self.dice.choice([self.stop] if self.clean else [self.stop, self.kill, self.lose])()
        for campaign in self.upstream.campaigns:
            if campaign.state is State.PAUSED:
                self.turn(campaign, State.RUNNING)
        for _ in range(20_000):
            self.step()
            if self._over():
                break
        assert self._over()
        self.checkpoint()
        assert {partition: commit.offset for partition, commit in self.commits.items()} == self.ends

    def _over(self):
        return not (
            self.pipeline.open or self.flights or any(self._next(partition) for partition in self.logs)
        )

    def deferred(self, reason):
        return sum(tier[reason].value for tier in self.metrics.deferred.values())

    @property
    def repeats(self):
        accepted = (
            sum(status_of(a) == 201 for a in each.answers) for each in self.upstream.promises.values()
        )
        return sum(max(0, count - 1) for count in accepted)


def status_of(answer):
    return answer.status if isinstance(answer, PushResponse) else None
