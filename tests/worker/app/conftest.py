import json
from typing import Any

import pytest

from tests.worker.app.support import JOB, PLACES, Consumer, Producer
from worker.app.worker import Worker
from worker.config import load_settings
from worker.edges import clock
from worker.edges.kafka import commits, consumer, producer
from worker.records.envelope import Partition, Record


@pytest.fixture
def settings(tmp_path):
    environment = {"PUSHMILL_VAPID_DIR": str(tmp_path), "PUSHMILL_VAPID_SUBJECT": "mailto:x@example.com"}
    return load_settings(environment)


@pytest.fixture
def without_kafka(monkeypatch):
    async def list_offsets(*_: Any) -> dict[Any, Any]:
        return {}

    monkeypatch.setattr(consumer, "AIOKafkaConsumer", Consumer)
    monkeypatch.setattr(producer, "AIOKafkaProducer", Producer)
    monkeypatch.setattr("worker.app.worker.ControlReader", lambda *_: None)
    monkeypatch.setattr(commits, "_list_offsets", list_offsets)


@pytest.fixture
async def worker(settings, without_kafka):
    """A worker that owns a partition and has something to checkpoint."""
    made = Worker(settings)
    await made._consumer.start(made._membership)
    await made._consumer.on_partitions_assigned(PLACES)
    made._lease.renew(clock.monotonic())
    record = Record(Partition("jobs", 0), 0, 0.0, None, json.dumps(JOB).encode())
    made._pipeline.accept(record, 1.0)
    assert made._pipeline.unacknowledged == 1
    return made
