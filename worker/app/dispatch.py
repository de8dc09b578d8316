"""From the queue to the wire and back: when the next requests are made, and that each of them still may go.

What is due goes out at once where nothing went out lately, else within `PAUSE` and together with what else is
due by then: in a row, requests find warm caches, and a turn costs as much for one as for many. So do answers,
which are taken in together where several have come.
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
"""Requests that are made in a row before the event loop gets its turn."""

PAUSE = 0.004
"""Seconds from one turn to the next, unless that leaves more than `IDLE_SHARE` of the slots idle."""

IDLE_SHARE = 1 / 8

LOOK_SECONDS = 0.1
"""At most until what waits for its time is looked at again: the clock may be set forward."""


class Dispatcher:
    """Makes requests when their turn has come; must be created inside a running event loop.

    Args:
        pipeline: Decides whose turn it is.
        transport: Where to.
        slots: Requests at once.
        may_send: Asked right before each request (decision 7), and once more if that had to wait.
        checkpoint_wanted: Set once half of what may be at risk has settled.
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
        """Take one turn after the other, without end."""
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
        """Take a turn soon: something has come in, has landed, or may go again."""
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
            # Once more for each: the process may have been frozen since.
            if self._may_send():
                self._transport.post(
                    flight.request, partial(self._note, flight), partial(self._may_still_go, flight)
                )
            else:
                self._recall(flight, now)
        return len(flights)

    def _may_still_go(self, flight: Flight) -> bool:
        """Whether a request that had to wait for its connection may go; one that may not is called back.

        After a freeze, what lies in the sockets is read before any timer runs: a connection may be free
        before anything else knows that the partitions are another's.
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
        """Keep an answer until all have been read that came in the same turn of the event loop."""
        if not self._landed:
            self._loop.call_soon(self._land)
        self._landed.append((flight, answer))

    def _land(self) -> None:
        landed, self._landed = self._landed, []
        now = clock.now()
        for flights, answer in rows(landed):
            try:
                self._pipeline.land(flights, answer, now)
            except Exception as error:  # noqa: BLE001 - a mistake of our own, which costs no other row
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
