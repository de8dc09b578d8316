"""When records came to Kafka, as far as a reader can tell.

A record that the broker stamped says so itself. Any other came just before it was fetched, unless this
process had fallen behind: then it may have come at any time since. Decides since when; knows nothing of jobs.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import inf

from worker.records.envelope import Partition

NEARLY = 100
"""Offsets that a fetch may leave unread and still count as having read it all: new records, and markers."""

PROMPT = 1.0
"""Seconds after a partition's hold within which a fetch brings what had come during the hold."""


@dataclass(slots=True)
class _Reading:
    """A partition's last fetch: no record that came before `since` was left unread by it."""

    since: float
    caught_up: bool
    freed_at: float = -inf


class Arrivals:
    """How far behind its partitions a process is; times are seconds since the epoch."""

    def __init__(self) -> None:
        self._readings: dict[Partition, _Reading] = {}

    def fetched(self, partition: Partition, left: int, now: float) -> float:
        """Note a fetch.

        Args:
            partition: The partition.
            left: How many offsets it left unread.
            now: When it was made.

        Returns:
            When its records came; while this process was behind, the earliest that they may have.
        """
        last = self._readings.get(partition)
        behind = last is not None and (not last.caught_up or now - last.freed_at <= PROMPT)
        came_at = last.since if last is not None and behind else now
        caught_up = left <= NEARLY
        self._readings[partition] = _Reading(now if caught_up else came_at, caught_up)
        return came_at

    def freed(self, partition: Partition, now: float) -> None:
        """Note that a partition is fetched from again, after its records had to wait for room."""
        if partition in self._readings:
            self._readings[partition].freed_at = now

    def keep(self, partitions: Collection[Partition]) -> None:
        """Note a rebalance: of what is assigned now, only what this process was behind with is remembered."""
        self._readings = {
            partition: last
            for partition, last in self._readings.items()
            if partition in partitions and not last.caught_up
        }
