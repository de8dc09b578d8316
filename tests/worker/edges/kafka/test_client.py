"""Starting and stopping clients that hang or fail, as aiokafka's have been seen to."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from structlog.testing import capture_logs

from worker.edges.kafka import client
from worker.edges.kafka.client import KafkaUnreachableError, start, within


async def hang():
    await asyncio.Event().wait()


async def fail(error):
    raise error


async def warned(stopping, seconds=60.0):
    with capture_logs() as lines:
        await within(seconds, stopping)
    return [(line["event"], line["error"]) for line in lines]


async def test_a_client_that_stops_is_waited_for():
    stopped = asyncio.Event()

    async def stop():
        await asyncio.sleep(0)
        stopped.set()

    assert await warned(stop()) == []
    assert stopped.is_set()


async def test_one_that_hangs_or_fails_is_a_warning():
    event = "a Kafka client did not stop in time"
    assert await warned(hang(), 0.01) == [(event, "TimeoutError")]
    assert await warned(fail(KafkaConnectionError("no"))) == [(event, "KafkaConnectionError")]
    assert await warned(fail(OSError(5, "no"))) == [(event, "OSError")]


async def test_one_that_ends_with_the_cancellation_of_a_task_of_its_own_has_stopped():
    assert await warned(fail(asyncio.CancelledError())) == []


async def test_a_bug_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        await within(60, fail(ZeroDivisionError()))


async def test_whoever_waits_can_be_cancelled():
    waiting = asyncio.create_task(within(60, hang()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


class Client:
    def __init__(self, start):
        self.start = start


@pytest.mark.parametrize("error", [KafkaConnectionError("no"), NodeNotReadyError("no"), OSError(5, "no")])
async def test_a_start_that_fails_is_an_unreachable_kafka(settings, error):
    with pytest.raises(KafkaUnreachableError):
        await start(Client(lambda: fail(error)), settings)


async def test_a_start_that_tries_without_end_is_given_up(settings, monkeypatch):
    monkeypatch.setattr(client, "START_LIMIT", 0.01)
    with pytest.raises(KafkaUnreachableError):
        await start(Client(hang), settings)
