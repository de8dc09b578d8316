"""A launcher's lease on a slot: as long as it is held, nobody else writes the slot's launches.

The lease keeps launchers out of each other's way. It is the transactions that keep them from writing anything
twice, so a lease that was lost unnoticed costs time alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from campaigns.store.database import Database, DatabaseAwayError
from campaigns.store.slots import release_slot, renew_slot, take_slot
from worker.edges import clock

log = structlog.get_logger(__name__)

LEASE_SECONDS = 15.0
RENEW_SECONDS = 3.0


class Lease:
    """A slot that is held, or has been."""

    def __init__(self, database: Database, slot: int, holder: str, until: float) -> None:
        self.slot = slot
        self._database = database
        self._holder = holder
        self._until = until

    @property
    def held(self) -> bool:
        """Whether it is held: renewed in time, as far as this process's own clock tells."""
        return clock.monotonic() < self._until

    async def keep(self) -> None:
        """Renew it again and again until it is lost: to another holder, or because the database is away."""
        while self.held:
            await asyncio.sleep(RENEW_SECONDS)
            asked_at = clock.monotonic()
            with suppress(DatabaseAwayError):
                async with self._database.connection() as connection:
                    kept = await renew_slot(connection, self.slot, self._holder, LEASE_SECONDS)
                self._until = asked_at + LEASE_SECONDS if kept else asked_at

    async def release(self) -> None:
        """Leave the slot to others at once."""
        self._until = clock.monotonic()
        with suppress(DatabaseAwayError):  # others wait until it has run out
            async with self._database.connection() as connection:
                await release_slot(connection, self.slot, self._holder)


async def take_lease(database: Database, holder: str) -> Lease | None:
    """Take any slot that has something to write and that nobody holds; None if there is none.

    Raises:
        DatabaseAwayError: Nobody can tell.
    """
    asked_at = clock.monotonic()
    async with database.connection() as connection:
        slot = await take_slot(connection, holder, LEASE_SECONDS)
    return None if slot is None else Lease(database, slot, holder, asked_at + LEASE_SECONDS)


@asynccontextmanager
async def kept(lease: Lease) -> AsyncIterator[Lease]:
    """Keep a lease as long as the block runs, and release it at its end."""
    keeping = asyncio.create_task(lease.keep())
    try:
        yield lease
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await lease.release()
