"""Whoever works only once the database is as new as Kafka, with a Kafka that says what the test says."""

import asyncio

import pytest
from structlog.testing import capture_logs

from campaigns.model.recovery import Markers
from campaigns.process import Readiness
from campaigns.recovery import guard as module
from campaigns.recovery.guard import NOT_KNOWN, OLDER, Guard
from campaigns.store.recovery import compare_alone, end_recovery, mark_older, move_on, needs_recovery
from tests.campaigns.model.test_recovery import SEVEN, marker, markers
from tests.campaigns.store.support import until_somebody_waits
from tests.harness.waiting import until
from worker.edges.kafka.client import KafkaUnreachableError


@pytest.fixture
def kafka(monkeypatch):
    """What `push.launches` has; an exception in its place says why it cannot be read."""
    has: list[Markers | Exception] = [Markers()]

    async def read(_settings: object, *, committed: bool) -> Markers:
        assert not committed  # a dead launcher's transaction may stay open for long
        if isinstance(has[0], Exception):
            raise has[0]
        return has[0]

    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "read_all_markers", read)
    return has


@pytest.fixture
def guard(database):
    return Guard(None, database, Readiness(), asyncio.Event())


class Work:
    def __init__(self) -> None:
        self.begun = False

    async def __call__(self) -> None:
        self.begun = True


async def test_whoever_is_current_works_at_once(kafka, guard):
    work = Work()
    await guard.then(work)
    assert work.begun
    assert guard.readiness.held is None


async def test_an_older_database_is_waited_for_until_it_has_been_mended(kafka, guard, database):
    kafka[0] = markers(marker(SEVEN))
    work = Work()
    with capture_logs() as logs:
        waiting = asyncio.create_task(guard.then(work))
        await until(lambda: guard.readiness.held == OLDER, "it is found out")
        async with database.transaction() as connection:
            assert await needs_recovery(connection)
            assert not work.begun
            await end_recovery(connection, 7)
            await move_on(connection, "launch", 7)
        await waiting
    assert work.begun
    assert guard.readiness.held is None
    assert [line["event"] for line in logs] == [OLDER]


async def test_it_stays_older_although_numbers_are_given_meanwhile(kafka, guard, database):
    kafka[0] = markers(marker(SEVEN))
    waiting = asyncio.create_task(guard.then(Work()))
    await until(lambda: guard.readiness.held == OLDER, "it is found out")
    guard.stop.set()
    await waiting
    other, work = Guard(None, database, Readiness(), asyncio.Event()), Work()
    again = asyncio.create_task(other.then(work))
    await until(lambda: other.readiness.held == OLDER, "it is still known")
    other.stop.set()
    await again
    assert not work.begun


async def test_of_two_who_find_it_out_at_once_neither_goes_on(kafka, guard, database):
    """A number that one has given is seen by the other before what is written down is."""
    kafka[0] = markers(marker(SEVEN))
    async with database.transaction() as connection:
        await compare_alone(connection)
        await mark_older(connection, 7, 0)
        work = Work()
        waiting = asyncio.create_task(guard.then(work))
        await until_somebody_waits(database)
    await until(lambda: guard.readiness.held == OLDER or work.begun, "it has been decided")
    assert not work.begun
    guard.stop.set()
    await waiting


async def test_a_kafka_that_is_away_ends_it_or_is_waited_for(kafka, guard):
    kafka[0] = KafkaUnreachableError("no broker answers")
    with pytest.raises(KafkaUnreachableError):
        await guard.then(Work())
    work = Work()
    waiting = asyncio.create_task(guard.then(work, waits_for_kafka=True))
    with capture_logs() as logs:
        await until(lambda: len(logs) > 2, "it has been tried again")
    assert guard.readiness.held == NOT_KNOWN
    kafka[0] = Markers()
    await waiting
    assert work.begun


async def test_what_fails_at_work_is_no_matter_of_the_guard(kafka, guard):
    async def work() -> None:
        raise KafkaUnreachableError("no broker answers")

    with pytest.raises(KafkaUnreachableError):
        await guard.then(work, waits_for_kafka=True)
