"""A record's whole way through the pipeline, and the promises that its results must keep."""

import json
from collections import Counter

from prometheus_client import CollectorRegistry

from crypto.vapid import VapidKey
from tests.worker.support import NOW, VAPID_KEY, land, make_pipeline, record
from worker.metrics import Metrics
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.publication import LATER_MAX_BYTES
from worker.push.answers import Answer, PushResponse, TransportFailure
from worker.records.envelope import Partition, Publication
from worker.records.job import decode_later
from worker.records.topics import BY_TOPIC, DEAD_LETTERS, EXPIRED, OUTCOMES, STATS
from worker.records.values import RecordError
from worker.timing.tiers import HORIZON

RECORD_MAX_BYTES = 1_000_000
"""With its envelope below the limit of any broker that is not configured to accept less."""

_METRICS = Metrics(CollectorRegistry())
_ANSWERS: tuple[Answer, ...] = (
    PushResponse(201),
    PushResponse(410),
    PushResponse(503, {"retry-after": "90"}),
    TransportFailure.TIMEOUT,
)


class _EveryKey:
    """A key for every name: `pushmill check` knows nothing of the folder that the worker has."""

    def for_site(self, _vapid_key: str | None, _site_id: str) -> VapidKey:
        return VAPID_KEY


def travel(partition: Partition, value: bytes, only: frozenset[str] | None = None) -> RecordError | None:
    """Accept a record, send what is due, and hand on the rest.

    Args:
        partition: Partition of the record.
        value: Value of the record.
        only: The statuses that recipients may end in, if they end at all.

    Returns:
        The problem in its dead letter, or None.
    """
    pipeline = make_pipeline(partition, metrics=_METRICS, keys=_EveryKey() if only else None)
    headers = (("traceparent", b"00-1"),)
    error = pipeline.accept(record(value, partition, headers=headers), NOW)
    _send_all(pipeline)
    written = _written(pipeline)
    assert not pipeline.open, "something is still open"
    assert all(publication.headers[:1] == headers for publication in written if publication.topic != STATS)
    if error is not None:
        (letter,) = written
        assert (letter.topic, letter.value) == (DEAD_LETTERS, value)
        return error
    _check_written(value, written, only)
    return None


def _send_all(pipeline: Pipeline) -> None:
    now = NOW
    for number in range(20):
        flights = pipeline.dispatch(now, 2000)
        # In pairs, so that neighbours with the same good answer land together.
        answers = [_ANSWERS[(index // 2 + number) % len(_ANSWERS)] for index in range(len(flights))]
        land(pipeline, zip(flights, answers, strict=True), now)
        now += HORIZON / 4
    pipeline.hand_back(now)


def _written(pipeline: Pipeline) -> list[Publication]:
    written: list[Publication] = []
    while pipeline.unacknowledged:
        batch = pipeline.checkpoint(NOW + 100)
        assert batch is not None
        assert batch.checkpoint is not None
        assert batch.checkpoint.settled, "a checkpoint that settles nothing"
        written += batch.publications
        pipeline.acknowledge(batch)
    return written


def _check_written(value: bytes, written: list[Publication], only: frozenset[str] | None) -> None:
    people: Counter[str] = Counter()
    for publication in written:
        assert len(publication.value or b"") <= RECORD_MAX_BYTES, "is larger than a broker takes"
        if publication.topic == OUTCOMES:
            outcomes = json.loads(publication.value or b"")["outcomes"]
            people.update(outcome["recipient_id"] for outcome in outcomes)
            assert only is None or {outcome["status"] for outcome in outcomes} <= only
        elif publication.topic in BY_TOPIC:
            people.update(_check_later(publication))
        else:
            assert publication.topic in {EXPIRED, STATS}
    # With `json`, which takes halves of surrogate pairs and NaN; what is not UTF-8 is in no id.
    expected = json.loads(value.decode("utf-8-sig", "replace"))["recipients"]
    assert people == Counter(person["id"] for person in expected)
    assert sum(len(publication.value or b"") for publication in written) <= 10 * LATER_MAX_BYTES + 20 * len(
        value
    )


def _check_later(publication: Publication) -> list[str]:
    """Check that a tier's record is readable and no larger than it should be; return its recipients."""
    assert publication.value is not None
    later = decode_later(publication.value).job
    assert len(publication.value) <= LATER_MAX_BYTES or len(later.recipients) == 1
    return [person.id for person in later.recipients]
