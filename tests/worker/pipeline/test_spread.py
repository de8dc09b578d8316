"""Spreading a campaign over time: the actual curve is the planned one."""

from bisect import bisect_right
from collections import Counter

import pytest

from tests.worker.pipeline.simulated import Kafka, Worker, run
from tests.worker.pipeline.support import (
    OK,
    people,
)
from tests.worker.support import (
    NOW,
    job,
)
from worker.records.envelope import Partition
from worker.records.topics import TIERS

TOTAL, STRETCH = 20_000, 60.0


def produce(kafka, partitions, sliced):
    for number, first in enumerate(range(0, TOTAL, 100)):
        part = {"slice": {"first": first, "total": TOTAL}} if sliced else {}
        value = job(
            *people(100, first=first), job_id=f"j{number}", stretch_time=STRETCH, payload="", ttl=600, **part
        )
        kafka.append(Partition("jobs", number % partitions), value, NOW)


def share_out(kafka, count, partitions, post):
    places = [Partition("jobs", number) for number in range(partitions)]
    places += [Partition(tier.topic, number) for tier in TIERS for number in range(kafka.tier_partitions)]
    return [Worker(kafka, places[number::count], NOW, post) for number in range(count)]


def widest_gap(planned, actual):
    """Return the largest difference between two cumulative curves, as a share of the whole."""
    planned, actual = sorted(planned), sorted(actual)
    return max(abs(bisect_right(planned, t) - bisect_right(actual, t)) for t in planned + actual) / len(
        planned
    )


def spread(workers, partitions, sliced, dies_at=None):
    """Send the campaign; return when each recipient was due and first sent to, and its number of pushes."""
    due, sent, pushes = {}, {}, Counter()

    def post(flight, now):
        name = flight.delivery.recipient.id
        assert now >= flight.delivery.due
        due.setdefault(name, flight.delivery.due)
        assert due[name] == flight.delivery.due
        sent.setdefault(name, now)
        pushes[name] += 1
        return OK, 0.03

    kafka = Kafka(tier_partitions=partitions)
    produce(kafka, partitions, sliced)
    crew, now = share_out(kafka, workers, partitions, post), NOW
    if dies_at:
        now = run(crew, now, NOW + dies_at)
        crew[0] = Worker(kafka, crew[0].position, now, post)
    run(crew, now)
    assert Counter(outcome["status"] for outcome in kafka.outcomes)["sent"] >= TOTAL
    return due, sent, pushes


@pytest.mark.parametrize(
    ("workers", "partitions", "sliced", "dies_at"),
    [(1, 1, True, None), (1, 1, False, 30.02), (3, 8, True, 30.02), (3, 8, False, None)],
)
def test_the_actual_curve_is_the_planned_one(workers, partitions, sliced, dies_at):
    due, sent, pushes = spread(workers, partitions, sliced, dies_at)
    assert len(sent) == TOTAL
    assert widest_gap(due.values(), sent.values()) < 0.01
    assert widest_gap([NOW + STRETCH * number / TOTAL for number in range(TOTAL)], due.values()) < 0.01
    if sliced:
        assert all(due[f"r{n}"] == pytest.approx(NOW + STRETCH * n / TOTAL) for n in range(0, TOTAL, 77))
    late = sorted(sent[name] - due[name] for name in sent)
    assert late[int(TOTAL * 0.99)] < 0.5
    assert pushes.total() - TOTAL <= (0 if dies_at is None else 100)
