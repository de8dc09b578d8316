"""What processes of every role share: whether they are ready, and loops that run beside their work."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from campaigns.metrics import Metrics
from campaigns.store.database import Database, DatabaseAwayError
from campaigns.store.migrate import SchemaError, check_schema

LOOK_SECONDS = 2.0
"""How often it is looked whether the database is there."""

NOT_LOOKED = "the database has not been looked at yet"
DRAINING = "draining"


class Readiness:
    """Why a process is not ready, as it last knew.

    Attributes:
        reason: In words; None if it is ready.
        held: What its work waits for besides the database; None if that goes on.
    """

    def __init__(self) -> None:
        self.reason: str | None = NOT_LOOKED
        self.held: str | None = None


async def run_beside(work: Coroutine[Any, Any, object], *loops: Coroutine[Any, Any, None]) -> None:
    """Run something to its end, and endless loops beside it; one that fails is a bug, and ends the work."""
    working = asyncio.create_task(work)
    tasks = [working, *(asyncio.create_task(each) for each in loops)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            await each
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def watch_database(database: Database, metrics: Metrics, readiness: Readiness) -> None:
    """Keep up to date whether the database is there and has the schema, and how its pool is used."""
    while True:
        readiness.reason = await _problem(database) or readiness.held
        for state, number in database.connections.items():
            metrics.database_pool.labels(state).set(number)
        await asyncio.sleep(LOOK_SECONDS)


async def _problem(database: Database) -> str | None:
    try:
        async with database.connection() as connection:
            await check_schema(connection)
    except (DatabaseAwayError, SchemaError) as error:
        return str(error)
    return None
