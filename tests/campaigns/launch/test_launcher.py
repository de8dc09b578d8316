"""The launcher of a process, with a slot and a Kafka that do as the test says."""

import asyncio
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from campaigns.launch import launcher
from campaigns.launch.launcher import Launcher
from campaigns.store.database import DatabaseAwayError
from tests.harness.waiting import until


class Relay:
    """Is writing an urgent send, until Kafka has it."""

    def __init__(self, acknowledged: asyncio.Event) -> None:
        self._acknowledged = acknowledged
        self.steps: list[str] = []

    async def step(self) -> bool:
        self.steps.append("written")
        await self._acknowledged.wait()
        self.steps.append("deleted")
        return True

    async def release(self) -> None:
        self.steps.append("released")


class Idle:
    """A slot without launches; a lease that is held; a producer."""

    has_launches, held, slot = False, True, 3

    async def nothing(self) -> bool:
        return False

    step = start = stop = release = nothing

    async def keep(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def acknowledged():
    return asyncio.Event()


@pytest.fixture
def relay(acknowledged, monkeypatch):
    made, leases, idle = Relay(acknowledged), [Idle()], Idle()

    async def take_lease(_database: object, _holder: str) -> Idle | None:
        return leases.pop() if leases else None

    async def tell(_service: object, _producer: object) -> bool:
        return False

    monkeypatch.setattr(launcher, "take_lease", take_lease)
    monkeypatch.setattr(launcher, "write_controls", tell)
    monkeypatch.setattr(launcher, "write_tombstones", tell)
    monkeypatch.setattr(launcher, "RecordProducer", lambda *_: idle)
    monkeypatch.setattr(launcher, "SlotLauncher", lambda *_: idle)
    monkeypatch.setattr(launcher, "SlotRelay", lambda *_: made)
    return made


async def stopping_amid(relay: Relay) -> asyncio.Task[None]:
    """Run a launcher, and ask it to stop while it writes."""
    stopping = asyncio.Event()
    running = asyncio.create_task(Launcher(SimpleNamespace(settings=None, database=None), "h").run(stopping))
    await until(lambda: relay.steps, "an urgent send is being written")
    stopping.set()
    return running


async def test_what_is_being_written_is_finished_before_it_stops(relay, acknowledged):
    running = await stopping_amid(relay)
    assert not await wait_a_little(running)
    acknowledged.set()
    await running
    assert relay.steps == ["written", "deleted", "released"]


async def test_it_stops_although_kafka_does_not_answer(relay, monkeypatch):
    monkeypatch.setattr(launcher, "FINISH_SECONDS", 0.05)
    running = await stopping_amid(relay)
    await running
    assert relay.steps == ["written", "released"]


async def test_a_database_that_is_away_is_told_once_in_a_while(relay, acknowledged, monkeypatch):
    tries = 0

    async def write_controls(_service: object, _producer: object) -> bool:
        nonlocal tries
        tries += 1
        raise DatabaseAwayError("the database cannot be used")

    monkeypatch.setattr(launcher, "write_controls", write_controls)
    monkeypatch.setattr(launcher, "TROUBLE_SECONDS", 0.0)
    acknowledged.set()
    stopping = asyncio.Event()
    with capture_logs() as logs:
        working = Launcher(SimpleNamespace(settings=None, database=None), "h").run(stopping)
        running = asyncio.create_task(working)
        await until(lambda: tries >= 5, "it has been tried again and again")
        stopping.set()
        await running
    assert [line["event"] for line in logs].count("the database is away") == 1


async def wait_a_little(running: asyncio.Task[None]) -> bool:
    """Let everything else have its turn; return whether it has ended."""
    for _ in range(100):
        await asyncio.sleep(0)
    return running.done()
