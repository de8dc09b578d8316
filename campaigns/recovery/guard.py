"""Finds out whether the database is older than what Kafka has, and holds everything up until that is mended.

Launched from such a database, what has been sent since the backup would be sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import structlog

from campaigns.model.recovery import Markers, is_older
from campaigns.process import Readiness
from campaigns.recovery.topics import read_topic
from campaigns.store.database import Connection, Database, DatabaseAwayError
from campaigns.store.recovery import (
    compare_alone,
    last_launch_number,
    mark_older,
    needs_recovery,
    nonces_of,
    reached,
)
from worker.config import KafkaSettings
from worker.edges.kafka.client import KafkaUnreachableError
from worker.records.topics import LAUNCHES

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
NOT_KNOWN = "it is not known yet whether the database is as new as Kafka"
OLDER = (
    "the database is older than what Kafka has, so that nothing is launched or collected: after a restore, "
    "run `pushmill campaigns recover --since` with the time of the backup"
)


class Guard(NamedTuple):
    """What is compared, and who is told.

    Attributes:
        settings: How to reach Kafka.
        database: PostgreSQL.
        readiness: Of the process, which is not ready as long as it waits.
        stop: Ends the waiting, too.
    """

    settings: KafkaSettings
    database: Database
    readiness: Readiness
    stop: asyncio.Event

    async def then(self, work: Callable[[], Awaitable[None]], *, waits_for_kafka: bool = False) -> None:
        """Work once the database is as new as what Kafka has; not at all if that is never the case.

        Args:
            work: What is to be done then.
            waits_for_kafka: Whether a Kafka that cannot be reached is waited for.

        Raises:
            KafkaUnreachableError: Kafka does not answer, and is not waited for.
        """
        self.readiness.held = NOT_KNOWN
        while not await self._is_current(waits_for_kafka=waits_for_kafka):
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), LOOK_SECONDS)
            if self.stop.is_set():
                return
        self.readiness.held = None
        await work()

    async def _is_current(self, *, waits_for_kafka: bool) -> bool:
        """Whether it is known that the database is as new as what Kafka has."""
        try:
            return not await self._is_older()
        except DatabaseAwayError as error:
            log.warning("cannot compare the database with Kafka; trying again", problem=str(error))
        except KafkaUnreachableError as error:
            if not waits_for_kafka:
                raise
            log.warning("cannot compare the database with Kafka; trying again", problem=str(error))
        return False

    async def _is_older(self) -> bool:
        if not await self._known_to_be_older():
            # What an aborted transaction says of numbers is true, too, and no open one has to be waited for.
            markers = await read_all_markers(self.settings, committed=False)
            async with self.database.transaction() as connection:
                if not await compare(connection, markers):
                    return False
        if self.readiness.held is not OLDER:
            log.error(OLDER)
            self.readiness.held = OLDER
        return True

    async def _known_to_be_older(self) -> bool:
        async with self.database.connection() as connection:
            return await needs_recovery(connection)


async def compare(connection: Connection, markers: Markers) -> bool:
    """Return whether the database is older, and write that down: numbers are given meanwhile."""
    await compare_alone(connection)
    if await needs_recovery(connection):
        return True
    nonces = await nonces_of(connection, (launch.number for launch in markers.named))
    if not is_older(markers, await last_launch_number(connection), nonces, await reached(connection)):
        return False
    await mark_older(connection, markers.highest, markers.highest_batch)
    return True


async def read_all_markers(settings: KafkaSettings, *, committed: bool) -> Markers:
    """Read all of `push.launches`, or what is committed of it.

    Raises:
        KafkaUnreachableError: Kafka does not answer.
    """
    markers = Markers()
    async for record in read_topic(settings, LAUNCHES, committed=committed):
        markers.take(record.key, record.value, record.offset)
    return markers
