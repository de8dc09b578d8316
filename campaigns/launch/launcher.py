"""The launcher of a process: takes slots, writes what they hold, and tells the worker what is wanted.

Decides nothing but who works when: each slot that is held has two loops, for launches and for small sends.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from campaigns.launch.controls import write_controls
from campaigns.launch.lease import Lease, kept, take_lease
from campaigns.launch.outbox import SlotRelay
from campaigns.launch.service import Service
from campaigns.launch.slot_launcher import SlotLauncher
from campaigns.launch.tombstones import write_tombstones
from campaigns.launch.transaction import ClaimLostError
from campaigns.store.database import DatabaseAwayError
from worker.edges import clock
from worker.edges.kafka.producer import RecordProducer
from worker.logs import LogThrottle

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.25
"""How long to wait before looking again where there was nothing to do."""

TROUBLE_SECONDS = 1.0
TAKE_SECONDS = 0.5
"""How long to wait where no slot was free."""

NEXT_SECONDS = 0.05
"""And where one was: several launchers share what is free."""

FINISH_SECONDS = 5.0
"""How long what is being written may take to finish once the process is told to stop: an urgent send that is
given up halfway is written again by whoever comes next."""

LEAVE_SECONDS = 30.0
"""How long a slot is held after its last launch: the next one needs no claim."""

Step = Callable[[], Awaitable[bool]]


class Launcher:
    """Runs until it is told to stop; any number of them may run at once.

    Args:
        service: Where to read and write.
        holder: Names this process among all launchers.
    """

    def __init__(self, service: Service, holder: str) -> None:
        self._service = service
        self._holder = holder
        self._producer = RecordProducer(service.settings, f"pushmill-launcher-{holder}")
        self._slots: dict[int, asyncio.Task[None]] = {}
        self._throttle = LogThrottle()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then leave the slots to others.

        Raises:
            KafkaUnreachableError: No broker answers at the start.
            KafkaStuckError: Kafka refuses records: the process must restart.
        """
        await self._producer.start()
        try:
            async with asyncio.TaskGroup() as group:
                telling = [
                    group.create_task(self._repeat(step, lambda: not stopping.is_set()))
                    for step in (self._controls, self._tombstones)
                ]
                taking = group.create_task(self._take_slots(group, stopping))
                await stopping.wait()
                taking.cancel()
                under_way = (*telling, *self._slots.values())
                await asyncio.wait(under_way, timeout=FINISH_SECONDS)
                for task in under_way:
                    task.cancel()
        finally:
            await self._producer.stop()

    async def _controls(self) -> bool:
        return await write_controls(self._service, self._producer)

    async def _tombstones(self) -> bool:
        return await write_tombstones(self._service, self._producer)

    async def _take_slots(self, group: asyncio.TaskGroup, stopping: asyncio.Event) -> None:
        """Take one free slot after another."""
        while True:
            lease = None
            with suppress(DatabaseAwayError):
                lease = await take_lease(self._service.database, self._holder)
                if lease is not None:
                    log.info("writing a slot's launches", slot=lease.slot)
                    self._slots[lease.slot] = group.create_task(self._hold(lease, stopping))
            await asyncio.sleep(TAKE_SECONDS if lease is None else NEXT_SECONDS)

    async def _hold(self, lease: Lease, stopping: asyncio.Event) -> None:
        """Write a slot's launches and small sends until the lease is lost, or nothing has come for long."""
        launcher = SlotLauncher(self._service, lease.slot)
        relay = SlotRelay(self._service, lease.slot, self._producer)
        last = clock.monotonic()

        async def write_launches() -> bool:
            return await noted(launcher.step)

        async def write_small_sends() -> bool:
            return await noted(relay.step)

        async def noted(step: Step) -> bool:
            nonlocal last
            done = await step()
            if done or launcher.has_launches:
                last = clock.monotonic()
            return done

        def goes_on() -> bool:
            return lease.held and not stopping.is_set() and clock.monotonic() < last + LEAVE_SECONDS

        try:
            async with kept(lease), asyncio.TaskGroup() as group:
                group.create_task(self._repeat(write_launches, goes_on))
                group.create_task(self._repeat(write_small_sends, goes_on))
        finally:
            del self._slots[lease.slot]
            await launcher.release()
            await relay.release()

    async def _repeat(self, step: Step, goes_on: Callable[[], bool]) -> None:
        """Do something again and again, after a pause where there was nothing to do, or trouble."""
        while goes_on():
            pause = 0.0
            try:
                if not await step():
                    pause = IDLE_SECONDS
            except ClaimLostError as error:
                log.warning("a chunk has to be looked for again", error=str(error))
                pause = TROUBLE_SECONDS
            except DatabaseAwayError as error:
                event = "the database is away"  # to each of some thirty loops
                self._throttle.warn(log, event, clock.monotonic(), event, error=str(error))
                pause = TROUBLE_SECONDS
            await asyncio.sleep(pause)
