"""What operators see of launches: how many are under way, and how long small sends wait."""

import asyncio

import structlog

from campaigns.metrics import LAUNCH_STATES, Metrics
from campaigns.store.database import Database, DatabaseAwayError
from campaigns.store.launching import count_launches, oldest_in_outbox

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
"""How often these are counted."""


async def watch_launches(database: Database, metrics: Metrics) -> None:
    """Keep the gauges up to date."""
    while True:
        try:
            async with database.connection() as connection:
                counts = await count_launches(connection)
                oldest = await oldest_in_outbox(connection)
        except DatabaseAwayError as error:
            log.warning("cannot count launches; trying again later", problem=str(error))
        else:
            metrics.outbox_oldest.set(oldest)
            for state in LAUNCH_STATES:
                metrics.launches.labels(state).set(counts.get(state, 0))
        await asyncio.sleep(LOOK_SECONDS)
