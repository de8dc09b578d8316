"""Which recipients of which records are settled: the low watermark, and the bounded checkpoint above it.

Decides what a checkpoint publishes and commits; knows nothing of what a settlement means (decision 7).
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from worker.ledger.progress import METADATA_MAX_CHARS, Partial, Progress, encode_progress
from worker.records.envelope import Commit, Partition

CHECKPOINT_MAX = 5_000
"""Recipients settled by one checkpoint, and at most unacknowledged at any moment."""

OPEN_MAX = 20_000
"""Recipients open in one partition."""


Subject = TypeVar("Subject")
Effect = TypeVar("Effect")


class Entry(Generic[Subject, Effect]):
    """A record that is open; bit `i` of `settled` stands for recipient `i`, once a checkpoint holds it.

    No record lies between `behind` and its offset: markers of transactions, or what compaction removed.
    `assigned` is what it is part of as long as this process owns it.
    """

    __slots__ = ("assigned", "behind", "offset", "open", "partition", "pending", "settled", "size", "subject")

    def __init__(
        self,
        partition: Partition,
        offset: int,
        size: int,
        settled: int,
        subject: Subject,
        *,
        behind: int | None = None,
        assigned: "_Assigned[Subject, Effect] | None" = None,
    ) -> None:
        self.assigned = assigned
        self.partition = partition
        self.offset = offset
        self.behind = offset if behind is None else behind
        self.size = size
        self.settled = settled
        self.open = size - settled.bit_count()
        self.subject = subject
        self.pending: list[tuple[int, Effect]] = []

    @property
    def unsettled(self) -> Iterable[int]:
        """Indexes of the recipients that no checkpoint has settled yet."""
        everyone = range(self.size)
        return (index for index in everyone if not self.settled >> index & 1) if self.settled else everyone

    def settled_with(self, effects: list[tuple[int, Effect]]) -> int:
        """The bits as they are once `effects` are settled too."""
        bits = self.settled
        for index, _ in effects:
            bits |= 1 << index
        return bits


Taken = list[tuple[Entry[Subject, Effect], list[tuple[int, Effect]]]]


@dataclass(frozen=True, slots=True)
class Checkpoint(Generic[Subject, Effect]):
    """What must be published and acknowledged, and what may be committed after that.

    Attributes:
        settled: Effects by record, in the order of their offsets within a partition.
        commits: For each partition that changed; for one that did not where only the lease is renewed.
        size: Number of effects.
    """

    settled: Taken[Subject, Effect]
    commits: dict[Partition, Commit]
    size: int


@dataclass(slots=True)
class _Assigned(Generic[Subject, Effect]):
    """A partition's part of the ledger: what is not in `entries` below `end` is settled.

    `commit` is what was committed last, and always fits.
    """

    end: int
    restored: Progress
    commit: Commit
    entries: dict[int, Entry[Subject, Effect]] = field(default_factory=dict)
    touched: dict[int, Entry[Subject, Effect]] = field(default_factory=dict)
    open: int = 0
    fresh: bool = True
    crowded: bool = False

    def lose(self) -> None:
        """Let go of the open records: what comes of them counts no more."""
        for entry in self.entries.values():
            entry.assigned = None

    def progress(self, chosen: dict[int, int]) -> Progress:
        """The map as it is once the entries in `chosen` (offset to bits) are settled so."""
        ranges: list[tuple[int, int]] = []
        partial: dict[int, Partial] = {}
        low: int | None = None
        last = -1
        for offset, entry in self.entries.items():
            bits = chosen.get(offset, entry.settled)
            if bits.bit_count() == entry.size:
                continue
            if low is None:
                low = offset
            elif entry.behind > last:
                ranges.append((last, entry.behind))
            last = offset + 1
            if bits:
                partial[offset] = Partial(entry.size, bits)
        if low is None:
            low = self.end
        elif self.end > last:
            ranges.append((last, self.end))
        return _joined(low, ranges, partial, self.restored, self.end)

    def take(self, limit: int) -> Taken[Subject, Effect]:
        """Choose what a checkpoint settles: as much as `limit` and the metadata's size allow."""
        self.crowded = False
        chosen = self._within(limit)
        while chosen:
            bits = {entry.offset: entry.settled_with(effects) for entry, effects in chosen}
            progress = self.progress(bits)
            metadata = encode_progress(progress)
            if len(metadata) <= METADATA_MAX_CHARS:
                self.commit = Commit(progress.low, metadata)
                self._apply(bits)
                break
            self.crowded = True
            chosen = chosen[: len(chosen) // 2]
        return chosen

    def _within(self, limit: int) -> Taken[Subject, Effect]:
        chosen = []
        for offset in sorted(self.touched):
            entry = self.touched[offset]
            limit -= len(entry.pending)
            if limit < 0:
                break
            chosen.append((entry, entry.pending))
        return chosen

    def _apply(self, bits: dict[int, int]) -> None:
        for offset, settled in bits.items():
            entry = self.touched.pop(offset)
            entry.settled = settled
            entry.pending = []
            if settled.bit_count() == entry.size:
                del self.entries[offset]
                entry.assigned = None


def _joined(
    low: int, ranges: list[tuple[int, int]], partial: dict[int, Partial], restored: Progress, end: int
) -> Progress:
    """Put what was restored and not been read again yet behind what is known."""
    for first, stop in restored.done:
        if stop > end:
            start = max(first, end)
            joins = bool(ranges) and ranges[-1][1] == start
            ranges.append((ranges.pop()[0] if joins else start, stop))
    partial |= {offset: part for offset, part in restored.partial.items() if offset >= end}
    if ranges and ranges[0][0] == low:
        low = ranges.pop(0)[1]
    return Progress(low, tuple(ranges), partial)


class Ledger(Generic[Subject, Effect]):
    """The open records of all partitions that this process owns."""

    def __init__(self) -> None:
        self._assigned: dict[Partition, _Assigned[Subject, Effect]] = {}
        self._pending = 0
        self._published = 0

    @property
    def unacknowledged(self) -> int:
        """Recipients settled since the last acknowledged checkpoint: what a kill would repeat."""
        return self._pending + self._published

    @property
    def open(self) -> int:
        """Recipients that are not settled by an acknowledged checkpoint."""
        return sum(assigned.open for assigned in self._assigned.values()) + self.unacknowledged

    @property
    def partitions(self) -> frozenset[Partition]:
        """What is assigned."""
        return frozenset(self._assigned)

    def assign(self, partition: Partition, progress: Progress) -> None:
        """Start a partition where its last checkpoint left it."""
        if partition in self._assigned:
            self._assigned[partition].lose()
        commit = Commit(progress.low, encode_progress(progress))
        self._assigned[partition] = _Assigned(progress.low, progress, commit)

    def forget(self) -> None:
        """Drop every partition and all that is not acknowledged: somebody else owns them."""
        for assigned in self._assigned.values():
            assigned.lose()
        self._assigned.clear()
        self._pending = self._published = 0

    def room(self, partition: Partition) -> int:
        """How many more recipients of this partition may be opened."""
        assigned = self._assigned.get(partition)
        return 0 if assigned is None or assigned.crowded else OPEN_MAX - assigned.open

    def crowded(self) -> frozenset[Partition]:
        """Partitions whose map has no space for all that is settled: what waits there must be handed on."""
        return frozenset(partition for partition, assigned in self._assigned.items() if assigned.crowded)

    def open_record(
        self, partition: Partition, offset: int, size: int, subject: Subject
    ) -> Entry[Subject, Effect] | None:
        """Enter a record of `size` recipients.

        Returns:
            Its entry, some of whose recipients may be settled already; None if all are, or if the partition
            is not this process's.
        """
        assigned = self._assigned.get(partition)
        if assigned is None:
            return None
        if assigned.fresh and offset < assigned.restored.low:
            # The log is shorter than what was committed: the topic was made anew, the map is another's.
            assigned.end, assigned.restored, assigned.commit = offset, Progress(offset), Commit(offset, "")
        assigned.fresh = False
        if offset < assigned.end:
            return None
        behind, assigned.end = assigned.end, offset + 1
        if _is_done(assigned.restored, offset):
            return None
        settled = _restored_bits(assigned.restored, offset, size)
        entry = Entry[Subject, Effect](
            partition, offset, size, settled, subject, behind=behind, assigned=assigned
        )
        assigned.entries[offset] = entry
        assigned.open += entry.open
        return entry

    def owns(self, entry: Entry[Subject, Effect]) -> bool:
        """Whether a record is still this process's to settle."""
        return entry.assigned is not None

    def position(self, partition: Partition) -> int:
        """The offset behind the last record that was entered."""
        return self._assigned[partition].end

    def settle(self, entry: Entry[Subject, Effect], effects: Sequence[tuple[int, Effect]]) -> None:
        """Note what became of recipients, by index; it counts once a checkpoint with it is acknowledged."""
        assigned = entry.assigned
        if assigned is None:
            return  # its partition was lost in the meantime
        entry.pending += effects
        entry.open -= len(effects)
        assigned.open -= len(effects)
        assigned.touched[entry.offset] = entry
        self._pending += len(effects)

    def checkpoint(self) -> Checkpoint[Subject, Effect] | None:
        """Take what has settled, up to `CHECKPOINT_MAX` recipients, in whole records.

        Returns:
            None if nothing is open. Must be acknowledged, or everything forgotten, before the next one.
        """
        settled: Taken[Subject, Effect] = []
        commits: dict[Partition, Commit] = {}
        size = 0
        for partition, assigned in self._assigned.items():
            if not assigned.touched:
                continue
            taken = assigned.take(CHECKPOINT_MAX - size)
            settled += taken
            size += sum(len(effects) for _, effects in taken)
            if taken:
                commits[partition] = assigned.commit
        self._pending -= size
        self._published += size
        return Checkpoint(settled, commits or self.renewal(), size) if commits or self.open else None

    def renewal(self) -> dict[Partition, Commit]:
        """One partition's commit as it was, if anything is open: Kafka's answer says whose it is."""
        for partition, assigned in self._assigned.items():
            if assigned.entries:
                return {partition: assigned.commit}
        return {}

    def acknowledge(self, checkpoint: Checkpoint[Subject, Effect]) -> None:
        """Count a checkpoint's recipients as settled: Kafka has it all."""
        self._published = max(0, self._published - checkpoint.size)


def _is_done(restored: Progress, offset: int) -> bool:
    at = bisect_right(restored.done, (offset, inf))
    return at > 0 and offset < restored.done[at - 1][1]


def _restored_bits(restored: Progress, offset: int, size: int) -> int:
    part = restored.partial.get(offset)
    # Another size means another record: rather repeat than lose.
    return part.settled if part and part.size == size else 0
