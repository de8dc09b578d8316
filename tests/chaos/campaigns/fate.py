"""When a process kills itself: at the Nth time that it reaches a step, or a moment after that.

`mortal` lets a transactional producer reach steps; `MortalCursors` those on either side of keeping a cursor.
"""

import asyncio
import json
import os
import random
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from campaigns.launch.markers import FoundMarker

MOMENT = 0.3
"""Seconds within which a process dies that is to die at any moment."""


class Fate:
    """Decides when this process dies.

    Attributes:
        chunk: Which transaction it is about, counted by whoever begins it.
    """

    def __init__(self, step: str | None, chunk: int, log: Path | None = None) -> None:
        self._step, self._chunk, self._log = step, chunk, log
        self.chunk = 0

    def is_at(self, step: str) -> bool:
        return step == self._step and self.chunk >= self._chunk

    def reached(self, step: str) -> None:
        """Die here, if it is time."""
        if self.is_at(step):
            self.die()

    def soon(self, step: str) -> None:
        """Die within a moment, whatever this process does by then, if it is time."""
        if self.is_at(step):
            threading.Timer(random.random() * MOMENT, self.die).start()

    def die(self) -> None:
        """Write down at which step, and be killed with SIGKILL."""
        if self._log is not None:
            line = json.dumps({"step": self._step, "pid": os.getpid()}) + "\n"
            file = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, line.encode())
        os.kill(os.getpid(), signal.SIGKILL)


class MortalCursors:
    """Cursors whose holder may die before and after it keeps one.

    Attributes:
        has_committed: Whether its last transaction is committed; else it keeps what it finds as it claims.
    """

    def __init__(self, cursors: Any, fate: Fate) -> None:
        self._cursors, self._fate = cursors, fate
        self.has_committed = False

    async def begin(self) -> int:
        offset: int = await self._cursors.begin()
        return offset

    def is_marker(self, found: FoundMarker) -> bool:
        return bool(self._cursors.is_marker(found))

    async def keep(self, markers: Sequence[FoundMarker]) -> None:
        if self.has_committed:
            self._fate.reached("committed")
        await self._cursors.keep(markers)
        if self.has_committed:
            self._fate.reached("kept")


def mortal(made: Any, fate: Fate, cursors: MortalCursors) -> Any:
    """Return a transactional producer within whose transactions this process may die."""
    begin, commit = made.begin_transaction, made.commit_transaction
    cursors.has_committed = False

    async def begin_transaction() -> None:
        cursors.has_committed = False
        await begin()
        fate.reached("begun")

    async def commit_transaction() -> None:
        fate.reached("sent")
        committing = asyncio.ensure_future(commit())
        if fate.is_at("committing"):
            await asyncio.sleep(random.random() / 20)
            fate.reached("committing")
        await committing
        cursors.has_committed = True

    made.begin_transaction, made.commit_transaction = begin_transaction, commit_transaction
    return made
