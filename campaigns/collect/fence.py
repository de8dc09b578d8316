"""The transaction in which records are applied: all of them once, or none."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from campaigns.store.collector_offsets import Place, move_on
from campaigns.store.database import Connection, Database, OvertakenError

Apply = Callable[[Connection], Awaitable[None]]


async def apply_fenced(database: Database, place: Place, begin: int, end: int, apply: Apply) -> bool:
    """Apply the records of a partition from offset `begin` to before `end`, unless that has been done.

    Returns:
        Whether it has been done now. If not, nothing has changed: somebody has read on from `begin` before.

    Raises:
        DatabaseAwayError: Nobody knows whether it has been done, if the connection was lost as it committed.
    """
    while True:
        with suppress(OvertakenError):
            async with database.transaction() as connection:
                if not await move_on(connection, place, begin, end):
                    return False
                await apply(connection)
            return True
