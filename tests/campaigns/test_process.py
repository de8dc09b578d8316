import asyncio

import pytest
from prometheus_client import CollectorRegistry

from campaigns.metrics import Metrics
from campaigns.process import NOT_LOOKED, Readiness, run_beside, watch_database
from campaigns.store.database import Database
from tests.harness.waiting import until


async def test_loops_end_with_the_work():
    stop = asyncio.Event()
    ended = []

    async def loop() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    running = asyncio.create_task(run_beside(stop.wait(), loop(), loop()))
    await asyncio.sleep(0)
    assert ended == []
    stop.set()
    await running
    assert ended == [True, True]


async def test_a_loop_that_fails_ends_the_work():
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_beside(asyncio.Event().wait(), fail())


async def test_what_the_work_raises_is_raised():
    async def work() -> None:
        raise ZeroDivisionError

    async def loop() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ZeroDivisionError):
        await run_beside(work(), loop())


async def watched(database: Database) -> tuple[Readiness, CollectorRegistry]:
    """Watch a database until something is known of it."""
    registry, readiness = CollectorRegistry(), Readiness()
    assert readiness.reason == NOT_LOOKED
    watching = asyncio.create_task(watch_database(database, Metrics(registry), readiness))
    await until(lambda: readiness.reason != NOT_LOOKED, "the database has been looked at")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return readiness, registry


async def test_a_process_is_ready_while_the_database_is_there(database: Database):
    readiness, registry = await watched(database)
    assert readiness.reason is None
    pool = "pushmill_campaigns_database_pool"
    connections = [registry.get_sample_value(pool, {"state": state}) for state in ("idle", "used")]
    assert sum(filter(None, connections)) == 1


async def test_a_process_is_not_ready_without_the_schema(postgresql_servers):
    databases = postgresql_servers.databases()
    name = await databases.create(migrated=False)
    try:
        async with Database(databases.url_of(name)) as database:
            readiness, _ = await watched(database)
    finally:
        await databases.drop(name)
    assert "pushmill campaigns migrate" in (readiness.reason or "")


async def test_a_process_is_not_ready_without_the_database():
    async with Database("postgresql://push:hunter2@127.0.0.1:9/push") as database:
        readiness, _ = await watched(database)
    assert (readiness.reason or "").startswith("the database cannot be used")
    assert "hunter2" not in (readiness.reason or "")
