"""What the tests of the path share: jobs in bulk, answers, and what a pipeline writes."""

import json
from collections import defaultdict
from datetime import UTC, datetime

from tests.worker.support import (
    NOW,
    land,
    recipient,
)
from worker.push.answers import PushResponse
from worker.records.control import CampaignControl, State
from worker.records.envelope import Partition

LATER = Partition("later.10s", 0)
HOUR = 3600.0
OK, GONE, BUSY, UNAVAILABLE = PushResponse(201), PushResponse(410), PushResponse(429), PushResponse(503)


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def people(count, prefix="r", first=0, **fields):
    return [recipient(f"{prefix}{number}", **fields) for number in range(first, first + count)]


def control(state, now, shift=0.0, campaign="camp_1"):
    return CampaignControl(1, campaign, State(state), datetime.fromtimestamp(now, UTC), shift)


def names(flights):
    return [flight.delivery.recipient.id for flight in flights]


def answered(pipeline, answer=OK, now=NOW, most=10_000):
    """Send what may be sent, and let every request end with `answer`."""
    flights = pipeline.dispatch(now, most)
    land(pipeline, [(flight, answer) for flight in flights], now)
    return flights


def published(pipeline, now=NOW):
    """Checkpoint until nothing is left to write; return the publications by topic."""
    topics = defaultdict(list)
    while pipeline.unacknowledged:
        batch = pipeline.checkpoint(now)
        for each in batch.publications:
            topics[each.topic].append(each)
        pipeline.acknowledge(batch)
    return topics


def later(topics, topic="later.10s"):
    """The decoded records of a tier."""
    return [json.loads(each.value) for each in topics[topic]]


def outcomes(topics):
    batches = (json.loads(each.value) for each in topics["outcomes"])
    return [outcome for batch in batches for outcome in batch["outcomes"]]


def statuses(topics):
    return {outcome["recipient_id"]: outcome["status"] for outcome in outcomes(topics)}


def deferred(metrics, reason):
    """Return how many recipients went to a tier for a reason, by tier."""
    counts = {tier: each[reason].value for tier, each in metrics.deferred.items()}
    return {tier: int(count) for tier, count in counts.items() if count}
