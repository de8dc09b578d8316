import os
import signal

import pytest

from worker.commands import run
from worker.edges.kafka.client import KafkaUnreachableError


class Worker:
    """Finds no Kafka and, if `is_stopped`, is told to stop at the same time."""

    def __init__(self, is_stopped, *_):
        self.is_stopped = is_stopped

    async def run(self, stop):
        if self.is_stopped:
            os.kill(os.getpid(), signal.SIGTERM)
            await stop.wait()
        raise KafkaUnreachableError("cannot use Kafka")


async def test_a_process_that_is_stopped_while_it_looks_for_kafka_has_stopped_cleanly(monkeypatch):
    monkeypatch.setattr(run, "Worker", Worker)
    await run._work(True)


async def test_a_process_that_finds_no_kafka_has_failed(monkeypatch):
    monkeypatch.setattr(run, "Worker", Worker)
    with pytest.raises(KafkaUnreachableError):
        await run._work(False)
