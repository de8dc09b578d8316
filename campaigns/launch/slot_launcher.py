"""Writing the launches of one slot, a chunk of each in turns.

Decides nothing about when a chunk may be written (`pace` does), nor what is in it (`chunks`).
"""

from collections.abc import Iterable, Sequence

import structlog

from campaigns.launch.chunks import next_chunk
from campaigns.launch.markers import FoundMarker
from campaigns.launch.pace import Turns
from campaigns.launch.service import Service
from campaigns.launch.standings import Standings
from campaigns.launch.transaction import MarkedWriter
from campaigns.model.ids import read_launch
from campaigns.model.marker import decode_launch_marker
from campaigns.store.database import Database
from campaigns.store.launching import (
    OpenLaunch,
    finish_launches,
    keep_cursor,
    keep_last_due,
    newest_marker_offset,
    open_launches,
)
from worker.edges import clock
from worker.records.control import State
from worker.records.values import RecordError

log = structlog.get_logger(__name__)


class LaunchCursors:
    """The cursors of a slot's launches, in their rows."""

    def __init__(self, database: Database, slot: int) -> None:
        self._database = database
        self._slot = slot

    async def begin(self) -> int:
        """Return where the newest marker is that has been kept: at most one more is behind it."""
        async with self._database.connection() as connection:
            return await newest_marker_offset(connection, self._slot)

    def is_marker(self, found: FoundMarker) -> bool:
        """Whether it is a launch's; what only looks like one was written by another program.

        Everything of ours can be read.
        """
        if read_launch(found.key) is None:
            return False
        try:
            return decode_launch_marker(found.value).launch_id == found.key
        except RecordError as error:
            log.warning("a marker cannot be read", offset=found.offset, error=error.problem)
            return False

    async def keep(self, markers: Sequence[FoundMarker]) -> None:
        """Keep the markers of launches; other slots' are as right."""
        async with self._database.transaction() as connection:
            for found in sorted(filter(self.is_marker, markers)):
                launch = read_launch(found.key)
                if launch is not None:
                    marker = decode_launch_marker(found.value)
                    await keep_cursor(connection, launch, marker, found.offset)


class SlotLauncher:
    """Writes the launches of one slot; its lease must be held.

    Attributes:
        has_launches: Whether there are any that are not written to their end.
    """

    def __init__(self, service: Service, slot: int) -> None:
        self._service = service
        self._slot = slot
        self._writer = MarkedWriter(
            service.settings, f"launch-{slot}", slot, LaunchCursors(service.database, slot)
        )
        self.has_launches = False
        self._turns = Turns()
        self._standings = Standings()

    async def step(self) -> bool:
        """Write the next chunk that may be written; return whether there was one.

        Raises:
            ClaimLostError: What became of the chunk, the next step finds out.
            DatabaseAwayError: Nothing can be read or kept.
        """
        async with self._service.database.connection() as connection:
            opened = await open_launches(connection, self._slot)
        self._standings.forget_all_but(opened)
        self.has_launches = bool(opened)
        if opened and not self._writer.claimed:
            await self._writer.claim()
            return True  # what has just been read may be a chunk behind
        await self._finish(each for each in opened if each.launch.wanted is State.CANCELLED)
        running = {each.launch.id: each for each in opened if each.launch.wanted is State.RUNNING}
        now = clock.now()
        times = {number: self._standings.may_write_at(each, now) for number, each in running.items()}
        whose = self._turns.next(times, now)
        if whose is None:
            return False
        await self._write(running[whose])
        return True

    async def release(self) -> None:
        """Let go of Kafka."""
        await self._writer.release()

    async def _write(self, opened: OpenLaunch) -> None:
        blueprint = self._service.blueprint_of(opened.launch, own_worker=opened.site_sdk)
        async with self._service.database.connection() as connection:
            chunk = await next_chunk(connection, opened, self._standings.parts_of(opened), blueprint)
            if chunk is not None and chunk.records:
                # Before, because afterwards nobody might be left to do it: a little too late is harmless.
                await keep_last_due(connection, opened.launch.id, chunk.last_due_at)
        if chunk is None:
            await self._finish([opened])
        else:
            await self._writer.write([*chunk.records, *chunk.begun], chunk.marker)
            self._service.count_written(chunk.cursor.written - opened.launch.written)

    async def _finish(self, opened: Iterable[OpenLaunch]) -> None:
        numbers = [each.launch.id for each in opened]
        if numbers:
            async with self._service.database.transaction() as connection:
                await finish_launches(connection, numbers)
            log.info("launches are written", slot=self._slot, launches=len(numbers))
