"""Processor time of what is measured, and of PostgreSQL beside it.

Decides how it is read: this process's own to the microsecond, that of others in the kernel's ticks of 10 ms.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
USER, CHILDREN, PARENT = 11, 13, 1  # of /proc/PID/stat behind the name: ticks of its own, of the dead; parent


class Cost(NamedTuple):
    """Microseconds of processor time for one of whatever is measured."""

    ours: float
    postgresql: float

    @property
    def total(self) -> float:
        """Of both."""
        return self.ours + self.postgresql


class Meter:
    """Measures what passes between two readings.

    Args:
        server: Process id of PostgreSQL.
        units: How many of what is measured pass between two readings.
        seconds: Reads the processor time of what is measured; by default, of this process.
    """

    def __init__(self, server: int, units: int, seconds: Callable[[], float] = time.process_time) -> None:
        self._server = server
        self._units = units
        self._seconds = seconds
        self._began = self._read()

    def start(self) -> None:
        self._began = self._read()

    def stop(self) -> Cost:
        passed = (now - then for now, then in zip(self._read(), self._began, strict=True))
        return Cost(*(each / self._units * 1e6 for each in passed))

    def _read(self) -> tuple[float, float]:
        return self._seconds(), server_seconds(self._server)


def server_seconds(server: int) -> float:
    """Return the processor time of a PostgreSQL server: of its backends, too, the dead ones included."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if path.parent.name == str(server):
            ticks += sum(map(int, fields[USER : CHILDREN + 2]))
        elif fields[PARENT] == str(server):
            ticks += sum(map(int, fields[USER : USER + 2]))
    return ticks / TICKS


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that so large a part of all do not pass."""
    return sorted(values)[int(part * (len(values) - 1))]
