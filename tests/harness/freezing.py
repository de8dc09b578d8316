"""Freezing a process: all of its threads have stopped when `freeze` returns."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def freeze(pid: int) -> None:
    """Stop a process with SIGSTOP, and wait until none of its threads runs any more.

    The signal alone only asks for it: on a busy machine a Java broker still answered a request or two.
    """
    os.kill(pid, signal.SIGSTOP)
    while not _STOPPED.issuperset(_states(pid)):
        time.sleep(0.001)


def thaw(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


_STOPPED = frozenset("TtZX")
"""Stopped, traced, or dead: proc(5), /proc/pid/stat, field 3."""


def _states(pid: int) -> list[str]:
    """The states of its threads, none if it has ended."""
    states = []
    for status in Path("/proc").glob(f"{pid}/task/*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # this thread has ended meanwhile
            states.append(status.read_text().rpartition(")")[2].split()[0])
    return states
