import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from tests.worker.app.support import JOB, WAITS, turns
from worker.app import worker as app
from worker.commands import run
from worker.edges import clock
from worker.edges.agreement.choice import Choice
from worker.edges.kafka.client import KafkaStuckError
from worker.edges.kafka.leaving import CLOSE_SECONDS, LEAVE_LIMIT
from worker.ledger import patience
from worker.records.envelope import Partition, Record


async def test_a_task_that_loses_its_cancellation_does_not_keep_the_process_from_ending(monkeypatch):
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling() > 1:
                    raise

    monkeypatch.setattr(app, "CANCEL_SECONDS", 0.05)
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(app._cancel(task), 5)
    assert not task.done()
    task.cancel()


# ── going for good ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def left(worker, monkeypatch, tmp_path):
    """What had been committed when the worker left the group, each time that it did."""
    committed = []

    async def leave():
        committed.append(len(worker._consumer._consumer.committed))
        await turns()

    monkeypatch.setattr(worker._consumer, "leave", leave)
    leave_file = tmp_path / "leave"
    leave_file.touch()
    _give(worker, monkeypatch, leave_file)
    return committed


def _give(worker, monkeypatch, leave_file: Path | None) -> None:
    monkeypatch.setattr(worker, "_settings", worker._settings.model_copy(update={"leave_file": leave_file}))


@pytest.mark.parametrize("problem", [None, "it is broken"])
@pytest.mark.usefixtures("without_kafka")
async def test_what_agrees_on_keys_is_told(settings, monkeypatch, problem):
    monkeypatch.setattr("worker.app.worker.choose", lambda wanted: Choice(Named(wanted), problem))
    with capture_logs() as logs:
        made = app.Worker(settings)
    labels = generate_latest(made._registry).decode()
    assert 'pushmill_build_info{agreement="by auto",' in labels
    assert [(line["log_level"], line["problem"]) for line in logs] == [("warning", problem)] * bool(problem)


class Named:
    def __init__(self, wanted):
        self.name = f"by {wanted}"


async def test_who_goes_for_good_leaves_after_the_last_checkpoint_and_commits_nothing_more(worker, left):
    producer, consumer = worker._producer._producer, worker._consumer._consumer
    waits = Record(Partition("jobs", 0), 1, 0.0, None, json.dumps(JOB | {"recipients": [WAITS]}).encode())
    worker._pipeline.accept(waits, 1.0)  # something open, for which commits are repeated
    checkpoints = asyncio.create_task(worker._checkpointer.run())
    draining = asyncio.create_task(worker._drain([asyncio.create_task(turns())]))
    await turns()
    assert left == []  # its records are not acknowledged yet
    producer.acknowledged.set_result(None)
    await draining
    assert left == [len(consumer.committed)] != [0]
    worker._checkpointer._wanted.set()
    await turns()
    assert left == [len(consumer.committed)]
    checkpoints.cancel()


@pytest.mark.parametrize("name", [None, "not-there", "leave/below-a-file"])
async def test_without_the_file_it_keeps_its_place(worker, left, monkeypatch, tmp_path, name):
    _give(worker, monkeypatch, name and tmp_path / name)
    worker._producer._producer.acknowledged.set_result(None)
    await worker._drain([asyncio.create_task(turns())])
    assert worker._consumer._consumer.committed
    assert left == []


async def test_a_file_that_cannot_be_looked_for_is_not_there(worker, left, monkeypatch):
    def refuse(_path: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", refuse)
    worker._producer._producer.acknowledged.set_result(None)
    await worker._drain([asyncio.create_task(turns())])
    assert left == []


async def test_who_finds_its_partitions_lost_does_not_leave(worker, left):
    worker._producer._producer.acknowledged.set_result(None)
    worker._consumer._consumer.refuses = True
    await worker._drain([asyncio.create_task(turns())])
    assert left == []


async def test_whose_last_checkpoint_is_not_acknowledged_does_not_leave(worker, left, monkeypatch):
    monkeypatch.setattr(patience, "OUTAGE_LIMIT", 0.05)
    with pytest.raises(KafkaStuckError):
        await worker._drain([asyncio.create_task(turns())])
    assert left == []


async def test_no_process_is_killed_while_its_drain_may_still_wait_for_kafka(worker, monkeypatch):
    """After the drain's deadline the member may still leave the group, and close its connections."""
    limits = []

    class Supervisor:
        def __init__(self, _count, *, stop_limit):
            limits.append(stop_limit)

        @asynccontextmanager
        async def status(self, *_):
            yield

        async def run(self, _stop):
            return 0

    monkeypatch.setattr(run, "Supervisor", Supervisor)
    await run._supervise(worker._settings, 2)
    began = clock.monotonic()
    worker._producer._producer.acknowledged.set_result(None)
    await worker._handover.drain()
    ends = worker._patience.deadline(clock.monotonic(), records=True)
    assert [limit > ends - began + LEAVE_LIMIT + 2 * CLOSE_SECONDS for limit in limits] == [True]
