"""From the queue to the wire and back: decides when requests are made, and whether each may still go.

A due delivery goes out at once if nothing went out lately, otherwise within `PAUSE`, together with whatever
else is due by then. Requests made in a row find warm caches, and a turn costs as much for one as for many.
The same holds for answers, which are handled together if several have arrived. Knows neither whose turn it is
(the pipeline's decision) nor how a request travels.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from worker.edges import clock
from worker.edges.http.transport import Transport
from worker.ledger.ledger import CHECKPOINT_MAX
from worker.pipeline.delivery import Flight
from worker.pipeline.landing import Answered, rows
from worker.pipeline.pipeline import Pipeline
from worker.push.answers import Answer

BURST = 32
"""Requests made in a row before the event loop gets its turn."""

PAUSE = 0.004
"""Seconds between turns, unless that would leave more than `IDLE_SHARE` of the slots idle."""

IDLE_SHARE = 1 / 8

LOOK_SECONDS = 0.1
"""Longest sleep while waiting for the next due time, since the clock may be set forward."""


class Dispatcher:
    """Makes requests as their turn comes; must be created inside a running event loop.

    Args:
        pipeline: Decides whose turn it is.
        transport: Sends the requests.
        slots: Maximum number of requests in flight.
        may_send: Asked right before each request (decision 7), and again if the request had to wait.
        checkpoint_wanted: Set once half of the recipients that may be at risk have settled.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        transport: Transport,
        *,
        slots: int,
        may_send: Callable[[], bool],
        checkpoint_wanted: asyncio.Event,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipeline = pipeline
        self._transport = transport
        self._enough = min(BURST, max(1, int(slots * IDLE_SHARE)))
        self._may_send = may_send
        self._checkpoint_wanted = checkpoint_wanted
        self._turn = asyncio.Event()
        self._turn_at = self._last_turn = 0.0
        self._timer: asyncio.Handle | None = None
        self._landed: list[Answered] = []
        self._on_the_wire = self._landed_lately = 0
        self._all_landed = asyncio.Event()
        self._all_landed.set()

    async def run(self) -> None:
        """Take turns until cancelled."""
        while True:
            self._turn.clear()
            self._landed_lately = 0
            self._last_turn = self._loop.time()
            if self._pipeline.unacknowledged * 2 >= CHECKPOINT_MAX:
                self._checkpoint_wanted.set()
            if self._dispatch() == BURST:
                await asyncio.sleep(0)
                continue
            due = self._pipeline.next_due
            if due is not None:
                left = due - clock.now() + clock.TIMER_SECONDS
                self._take_turn(self._loop.time() + min(left, LOOK_SECONDS))
            await self._turn.wait()

    def wake(self) -> None:
        """Take a turn soon: something has arrived, has landed, or may be sent again."""
        self._take_turn(self._last_turn + PAUSE)

    async def all_landed(self) -> None:
        """Wait until nothing is in flight."""
        await self._all_landed.wait()

    def _take_turn(self, at: float) -> None:
        at = max(at, self._last_turn + PAUSE)
        if self._timer is not None:
            if self._turn_at <= at:
                return
            self._timer.cancel()
        self._turn_at = at
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._turn.set()

    def _dispatch(self) -> int:
        if not self._may_send():
            return 0
        now = clock.now()
        flights = self._pipeline.dispatch(now, BURST)
        if flights:
            self._on_the_wire += len(flights)
            self._all_landed.clear()
        for flight in flights:
            # Asked again for each request: the process may have been frozen in between.
            if self._may_send():
                self._transport.post(
                    flight.request, partial(self._note, flight), partial(self._may_still_go, flight)
                )
            else:
                self._recall(flight, now)
        return len(flights)

    def _may_still_go(self, flight: Flight) -> bool:
        """Return whether a request that waited for its connection may still go; recall it if not.

        After a freeze, sockets are read before any timer runs: a connection may become free before any other
        part of the process knows that the partitions belong to another worker.
        """
        if self._may_send() and self._pipeline.still_owns(flight):
            return True
        self._recall(flight, clock.now())
        self.wake()
        return False

    def _recall(self, flight: Flight, now: float) -> None:
        self._pipeline.recall(flight, now)
        self._leave_the_wire(1)

    def _note(self, flight: Flight, answer: Answer) -> None:
        """Hold an answer until all that arrived in the same turn of the event loop have been read."""
        if not self._landed:
            self._loop.call_soon(self._land)
        self._landed.append((flight, answer))

    def _land(self) -> None:
        landed, self._landed = self._landed, []
        now = clock.now()
        for flights, answer in rows(landed):
            try:
                self._pipeline.land(flights, answer, now)
            except Exception as error:  # noqa: BLE001 - a bug of ours must not cost another row
                self._loop.call_exception_handler({"message": "answers are lost", "exception": error})
        self._leave_the_wire(len(landed))
        self._landed_lately += len(landed)
        if self._landed_lately >= self._enough:
            self._turn.set()
        else:
            self.wake()

    def _leave_the_wire(self, requests: int) -> None:
        self._on_the_wire -= requests
        if not self._on_the_wire:
            self._all_landed.set()
