"""Launches that are over: everybody has an outcome, or none is to be expected any more."""

from datetime import datetime

from campaigns.model.launch import is_done
from campaigns.store.collecting import finish_launches, written_launches
from campaigns.store.database import Database


async def finish_what_is_over(database: Database, now: datetime) -> int:
    """Say that launches are done which are over, and return how many; others may do so at once.

    Raises:
        DatabaseAwayError: The database cannot be used.
    """
    async with database.transaction() as connection:
        written = await written_launches(connection)
        over = [launch.id for launch, outcomes in written if is_done(launch, outcomes, now)]
        return len(await finish_launches(connection, over, now)) if over else 0
