"""Mirrors the sites' private keys to a folder: asks the database for new ones again and again.

Any number of mirrors may write to one folder, and each may be killed at any moment.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from msgspec import Struct

from campaigns.keys.folder import KeyFolder, Put
from campaigns.model.secrets import Keys, SealError, unseal, vapid_key_name
from campaigns.store.database import Database, DatabaseAwayError
from campaigns.store.vapid_keys import VapidKey, vapid_keys_changed
from worker.edges import clock
from worker.logs import LogThrottle

LOOK_SECONDS = 2.0
"""How often new keys are asked for: a key is to be at the worker within 5 seconds."""

OVERLAP = timedelta(minutes=1)
"""How far before the newest key it is asked again: a key gets its time before it can be seen."""

EVER = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger(__name__)


class Mirrored(Struct):
    """What a pass has done.

    Attributes:
        written: Keys that were missing in the folder.
        present: Keys that were there.
        failed: Keys that cannot be opened, or whose file holds another key.
    """

    written: int = 0
    present: int = 0
    failed: int = 0


class Mirror:
    """Mirrors keys to a folder.

    Args:
        database: Where they are.
        seals: The keys that they are sealed with.
        folder: Where they go.
    """

    def __init__(self, database: Database, seals: Keys, folder: KeyFolder) -> None:
        self._database = database
        self._seals = seals
        self._folder = folder
        self._newest = EVER
        self._known: dict[str, bytes] = {}
        self._told: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Mirror until `stop` is set; what is wrong is told, and tried again."""
        throttle = LogThrottle()
        while not stop.is_set():
            try:
                done = await self.look()
            except DatabaseAwayError as error:
                event = "keys cannot be read"
                throttle.warn(log, event, clock.monotonic(), event, problem=str(error))
            except OSError as error:
                log.error("keys cannot be written", problem=error.strerror or type(error).__name__)  # noqa: TRY400 - the reason is the operator's to see, a traceback says no more
            else:
                if done.written:
                    log.info("keys written", keys=done.written)
            await _pause(stop)

    async def look(self) -> Mirrored:
        """Write what is missing: keys that are new, and those whose file was deleted.

        Raises:
            DatabaseAwayError: The database does not answer.
            OSError: The folder cannot be read or written.
        """
        await asyncio.to_thread(self._folder.prepare)
        lost = await asyncio.to_thread(self._folder.lacks, self._known)
        since = EVER if lost or self._newest == EVER else self._newest - OVERLAP
        async with self._database.connection() as connection:
            keys = await vapid_keys_changed(connection, since)
        done = await asyncio.to_thread(self._put_all, keys)
        self._newest = max((key.changed_at for key in keys), default=self._newest)
        return done

    def _put_all(self, keys: list[VapidKey]) -> Mirrored:
        done = Mirrored()
        for key in keys:
            problem = None
            try:
                put = self._put(key)
            except SealError as error:
                put, problem = None, str(error)
            if put is Put.OTHER:
                problem = "its file holds another key, which is left alone; move it away"
            done.written += put is Put.WRITTEN
            done.present += put is Put.PRESENT
            done.failed += problem is not None
            self._tell(key.name, problem)
        return done

    def _put(self, key: VapidKey) -> Put:
        pem = unseal(self._seals, vapid_key_name(key.name), key.sealed)
        put = self._folder.put(key.name, key.public, pem)
        self._known[key.name] = key.public
        return put

    def _tell(self, name: str, problem: str | None) -> None:
        """Log what is wrong with a key once, until that has changed."""
        if problem is None:
            self._told.discard(name)
        elif name not in self._told:
            self._told.add(name)
            log.error("key not mirrored", vapid_key=name, problem=problem)


async def _pause(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
    except TimeoutError:
        return
