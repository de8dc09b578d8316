"""A simulated Kafka, and workers on simulated time: nothing sleeps."""

import json
from collections import defaultdict
from math import inf
from zlib import crc32

from tests.worker.support import (
    JOBS,
    NOW,
    URGENT,
    land,
    make_pipeline,
    record,
    restored,
)
from worker.pipeline.shelf import Shelf
from worker.records.envelope import Commit, Partition
from worker.records.topics import BY_TOPIC, TIERS


class Kafka:
    """Inputs and tiers; the broker timestamps records of tiers."""

    def __init__(self, tier_partitions=1):
        self.tier_partitions = tier_partitions
        self.logs = defaultdict(list)
        self.commits = defaultdict(lambda: Commit(0, ""))
        self.outcomes = []

    def append(self, partition, value, now):
        log = self.logs[partition]
        log.append(record(value, partition, len(log), now))

    def publish(self, publications, now):
        for each in publications:
            if each.topic in BY_TOPIC:
                number = crc32(each.key) % self.tier_partitions
                self.append(Partition(each.topic, number), each.value, now)
            elif each.topic == "outcomes":
                self.outcomes += json.loads(each.value)["outcomes"]


class Worker:
    """A pipeline with its shelf in front of it, as the application drives it."""

    def __init__(self, kafka, partitions, now, post, **limits):
        self.kafka = kafka
        self.post = post
        self.pipeline = make_pipeline(Partition("none", 0), now=now, **limits)
        self.shelf = Shelf()
        self.landing = []
        self.position = {}
        for partition in partitions:
            commit = kafka.commits[partition]
            self.position[partition] = commit.offset
            self.pipeline.assign(partition, restored(commit))

    def step(self, now):
        self.land(now)
        self.read(now)
        self.send(now)
        self.checkpoint(now)

    def land(self, now):
        landed = [each for each in self.landing if each[0] <= now]
        self.landing = [each for each in self.landing if each[0] > now]
        land(self.pipeline, [(flight, answer) for _, flight, answer in landed], now)

    def unread(self):
        return [place for place, offset in self.position.items() if offset < len(self.kafka.logs[place])]

    def read(self, now):
        for partition in self.unread():
            if partition not in self.shelf.holding:
                fetched = self.kafka.logs[partition][self.position[partition] :][:500]
                self.position[partition] += len(fetched)
                self.shelf.put(fetched, now)
        while (taken := self.shelf.take(now, self.pipeline.has_room)) is not None:
            self.pipeline.accept(taken, now)

    def send(self, now):
        for flight in self.pipeline.dispatch(now, 10_000):
            answer, seconds = self.post(flight, now)
            self.landing.append((now + seconds, flight, answer))

    def checkpoint(self, now):
        batch = self.pipeline.checkpoint(now)
        if batch is None:
            return
        self.kafka.publish(batch.publications, now)
        if batch.checkpoint:
            self.kafka.commits.update(batch.checkpoint.commits)
        self.pipeline.acknowledge(batch)

    def next_event(self, now):
        blocked = len(self.shelf.holding) > len(self.shelf._unripe)
        if blocked or any(each not in self.shelf.holding for each in self.unread()):
            return now
        times = [self.pipeline.next_due, self.shelf.next_ready(now), *(each[0] for each in self.landing)]
        return min((each for each in times if each is not None), default=inf)

    @property
    def idle(self):
        return not (self.pipeline.open or self.landing or self.shelf.holding or self.unread())


def run(workers, now, until=inf, tick=0.05):
    """Step all workers until a moment, or until there is nothing left to do; return the time."""
    while now < until and not all(worker.idle for worker in workers):
        for worker in workers:
            worker.step(now)
        soonest = min(worker.next_event(now) for worker in workers)
        now = max(now + tick, min(soonest, until))
    return now


def always(answer, seconds=0.0):
    """Return a push service with one answer for all, and a dict of when each recipient was sent to."""
    sent = {}

    def post(flight, now):
        sent.setdefault(flight.delivery.recipient.id, []).append(now)
        return answer, seconds

    return post, sent


TIERS_AND_JOBS = [JOBS, URGENT, *(Partition(tier.topic, 0) for tier in TIERS)]


def alone(post, value, now=NOW, **limits):
    """Return a Kafka with one job in one partition, and one worker."""
    kafka = Kafka()
    kafka.append(JOBS, value, now)
    return kafka, Worker(kafka, TIERS_AND_JOBS, now, post, **limits)
