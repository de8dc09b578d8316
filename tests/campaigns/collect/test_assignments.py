"""What a collector says of the partitions that it reads."""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from campaigns.collect import assignments
from campaigns.collect.assignments import Assignments
from campaigns.store.collector_offsets import Place

PLACES = [Place("push.outcomes", number) for number in range(5)]


class Consumer:
    """Reads whatever it is told to, of topics that are empty."""

    def __init__(self, **_):
        self.read = set()

    def assign(self, places):
        self.read = {*places}

    def resume(self, *_):
        """Go on."""

    def seek(self, place, offset):
        assert (place in self.read, offset) == (True, 0)

    async def end_offsets(self, places):
        return dict.fromkeys(places, 0)


@pytest.fixture
def free(monkeypatch):
    """Partitions that nobody holds; one of them is taken at a time."""
    free, held = [*PLACES], {}

    async def partitions_of(_consumer, _topic):
        return PLACES

    async def add_places(_lent, there):
        assert there == PLACES

    async def renew_places(*_):
        return dict(held)

    async def take_places(*_):
        taken = {free.pop(): 0} if free else {}
        held.update(taken)
        return taken

    for function in (partitions_of, add_places, renew_places, take_places):
        monkeypatch.setattr(assignments, function.__name__, function)
    monkeypatch.setattr(assignments, "AIOKafkaConsumer", Consumer)
    monkeypatch.setattr(assignments, "connection", lambda _: {})
    return free


class Database:
    @asynccontextmanager
    async def connection(self):
        yield None


async def test_taking_partitions_one_by_one_is_told_once_at_the_end(free):
    reading = Assignments(SimpleNamespace(topic_prefix="push."), Database(), "h", ("outcomes",))
    with capture_logs() as logs:
        while await reading.renew():
            assert logs == []
        await reading.renew()
    assert [(line["event"], line["partitions"]) for line in logs] == [("collecting", 5)]
