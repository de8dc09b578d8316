"""What operators see of launches: how many are under way, and how long they and small sends wait."""

import asyncio
from collections.abc import Sequence

import structlog

from campaigns.launch.stalls import Look, Stalls
from campaigns.launch.standings import Standings
from campaigns.metrics import LAUNCH_STATES, Metrics
from campaigns.store.database import Database, DatabaseAwayError
from campaigns.store.launching import OpenLaunch, count_launches, oldest_in_outbox, open_launches
from worker.edges import clock
from worker.records.control import State

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
"""How often these are counted."""


class Patience:
    """How long the launch that waits longest has been waiting for a launcher, looked at again and again."""

    def __init__(self) -> None:
        self._standings = Standings()
        self._stalls = Stalls()

    def look(self, opened: Sequence[OpenLaunch], now: float) -> float:
        """Return it in seconds.

        Args:
            opened: All launches that are not written to their end.
            now: Seconds since the epoch.
        """
        running = [each for each in opened if each.launch.wanted is State.RUNNING]
        self._standings.forget_all_but(running)
        looks = [
            Look(each.launch.id, each.cursor, _idle_since(each), self._standings.may_write_at(each, now))
            for each in running
        ]
        return self._stalls.longest(looks, now)


def _idle_since(opened: OpenLaunch) -> float:
    """Return since when nobody has written anything, nor wanted it to wait, in seconds since the epoch."""
    return max(opened.moved_at, opened.launch.wanted_at).timestamp()


async def watch_launches(database: Database, metrics: Metrics) -> None:
    """Keep the gauges up to date."""
    patience = Patience()
    while True:
        try:
            async with database.connection() as connection:
                counts = await count_launches(connection)
                oldest = await oldest_in_outbox(connection)
                opened = await open_launches(connection)
        except DatabaseAwayError as error:
            log.warning("cannot count launches; trying again later", problem=str(error))
        else:
            metrics.launch_stalled.set(patience.look(opened, clock.now()))
            metrics.outbox_oldest.set(oldest)
            for state in LAUNCH_STATES:
                metrics.launches.labels(state).set(counts.get(state, 0))
        await asyncio.sleep(LOOK_SECONDS)
