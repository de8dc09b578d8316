"""Everything that is kept for a while only goes when that is over, whoever else sweeps at the same time."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from campaigns.model.retention import Retention, months_before
from campaigns.schedule import sweep as module
from campaigns.schedule.sweep import sweep
from campaigns.store.database import DatabaseAwayError
from campaigns.store.engagement import add_months
from campaigns.store.erasures import add_erasure, due_erasures, keep_told
from tests.harness.audiences import add_campaign, add_launch, add_site
from tests.harness.waiting import until

NOW = datetime.now(UTC)
YEARS = timedelta(days=3 * 365)
ENGAGED = """
INSERT INTO engagement (month, launch, subscriber, kind, first_at) VALUES ($1, $2, $3, 'shown', $4)
"""
COUNTED = "INSERT INTO launch_count (launch, partition, status, count) VALUES ($1, 0, 'sent', 5)"
CLICKED = """
INSERT INTO engagement_count (launch, partition, kind, first, total) VALUES ($1, 0, 'shown', 1, 1)
"""
PARTITIONS = """
SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'engagement'::regclass ORDER BY 1
"""


@pytest.fixture
def passes(monkeypatch):
    """Counts how often everything was swept, and lets the next time come soon."""
    seen = []
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(module, "BREATH_SECONDS", 0)

    def now() -> datetime:
        seen.append(NOW)
        return NOW

    return SimpleNamespace(now=now, seen=seen)


async def swept(database, passes, sweepers: int = 1) -> None:
    """Sweep until everything has been looked at; in the end by one alone, for others may be cut off."""
    for together in (sweepers, 1):
        passes.seen.clear()
        running = [asyncio.create_task(sweep(database, Retention(), passes.now)) for _ in range(together)]
        await until(lambda: len(passes.seen) > 2 * together, "everything has been swept")  # noqa: B023
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def add_old_and_new_launches(connection) -> None:
    """Launches 1 and 3 are old and over; 2 is new, 4 of a paused campaign, and 5 still under way."""
    site = await add_site(connection)
    paused, ended = [await add_campaign(connection, site) for _ in range(2)]
    await connection.execute("UPDATE campaign SET status = 'paused' WHERE id = $1", paused)
    await connection.execute("UPDATE campaign SET status = 'done' WHERE id = $1", ended)
    old = {"state": "done", "done_at": NOW - YEARS}
    await add_launch(connection, site, number=1, **old)
    await add_launch(connection, site, number=2, state="done", done_at=NOW)
    await add_launch(connection, site, number=3, campaign=ended, **old)
    await add_launch(connection, site, number=4, campaign=paused, **old)
    await add_launch(connection, site, number=5, created_at=NOW - YEARS)
    for number in range(1, 6):
        await connection.execute(COUNTED, number)
        await connection.execute(CLICKED, number)


async def of_launches(connection, table: str, column: str) -> list[int]:
    return [row[0] for row in await connection.fetch(f"SELECT DISTINCT {column} FROM {table} ORDER BY 1")]


@pytest.mark.parametrize("sweepers", [1, 4])
async def test_launches_go_with_all_that_is_counted_of_them(database, passes, sweepers, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 1)
    async with database.transaction() as connection:
        await add_old_and_new_launches(connection)
    await swept(database, passes, sweepers)
    async with database.connection() as connection:
        assert await of_launches(connection, "launch", "id") == [2, 4, 5]
        for table in ("launch_count", "engagement_count"):
            assert await of_launches(connection, table, "launch") == [2, 4, 5]
        assert await connection.fetchval("SELECT count(*) FROM campaign") == 2


@pytest.mark.parametrize("sweepers", [1, 4])
async def test_engagement_goes_by_whole_months(database, passes, sweepers):
    this = months_before(NOW.date(), 0)
    old, older, first, strewn = [months_before(this, months) for months in (14, 15, 13, 16)]
    async with database.connection() as connection:
        await add_months(connection, [older, old, first, months_before(first, -1)])
        for month in (strewn, older, old, first, this):
            await connection.execute(ENGAGED, month, 1, 7, NOW)
    await swept(database, passes, sweepers)
    async with database.connection() as connection:
        assert await of_launches(connection, "engagement", "month") == [first, this]
        partitions = [row[0] for row in await connection.fetch(PARTITIONS)]
        assert partitions == [f"engagement_{first:%Y_%m}", "engagement_rest"]


async def test_a_month_that_is_in_use_is_left_until_the_next_time(database, passes):
    old = months_before(NOW.date(), 20)
    async with database.connection() as connection:
        await add_months(connection, [old, months_before(old, -1)])
    async with database.transaction() as reading:
        await reading.fetch("SELECT count(*) FROM engagement")
        await reading.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        sweeping = asyncio.create_task(sweep(database, Retention(), passes.now))
        await until(lambda: len(passes.seen) > 1, "the rest has been swept")
        assert len(await reading.fetch(PARTITIONS)) == 2
    await until(lambda: len(passes.seen) > 3, "it has been swept again")
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
    async with database.connection() as connection:
        assert len(await connection.fetch(PARTITIONS)) == 1


async def test_erasures_are_remembered_as_long_as_somebody_might_tell_of_them(database, passes):
    async with database.transaction() as connection:
        for number in (1, 2, 3):
            await add_erasure(connection, 7, number)
        await connection.execute("UPDATE erasure SET erased_at = $1 WHERE subscriber < 3", NOW - YEARS)
        await keep_told(connection, [each for each in await due_erasures(connection, 9) if each[1] != 2])
    await swept(database, passes)
    async with database.connection() as connection:
        assert await of_launches(connection, "erasure", "subscriber") == [2, 3]


async def test_a_database_that_is_away_is_waited_for(passes):
    class Away:
        def transaction(self) -> object:
            raise DatabaseAwayError("the database cannot be used")

    with capture_logs() as logs:
        await swept(Away(), passes)
    assert {line["event"] for line in logs} == {"cannot delete what is too old; trying later"}
    assert {line["what"] for line in logs} >= {"launches", "unsubscribed", "jobs"}
