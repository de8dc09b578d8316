"""Which recipients of which records are settled, and what may therefore be committed (decision 7).

Kafka commits one offset for each partition, while recipients settle in any order, minutes apart. The ledger
closes that gap. `open_record` enters a record, and `settle` notes what became of some of its recipients.
`checkpoint` takes what has settled since the last one: effects to publish, and for each partition a commit,
whose offset is the low watermark and whose metadata is a map of what is settled above it. Once Kafka has
acknowledged both, `acknowledge` counts those recipients as safe.

Decides what a checkpoint publishes and commits; knows nothing of what an effect means. The states, the
invariants and the reasons are in ARCHITECTURE.md, "The ledger, the lease and the checkpoint".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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
    """An open record; bit `i` of `settled` stands for recipient `i`, set once a checkpoint has taken it.

    Between `behind` and its offset there are only transaction markers and records that compaction removed.
    `assigned` is its partition's part of the ledger, as long as this process owns it.
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

    @property
    def was_open(self) -> bool:
        """Whether an earlier owner had entered this record: the map it left goes beyond it."""
        return self.assigned is not None and self.offset < self.assigned.restored.end

    def settled_with(self, effects: list[tuple[int, Effect]]) -> int:
        """Return the bits with `effects` settled too."""
        bits = self.settled
        for index, _ in effects:
            bits |= 1 << index
        return bits


Taken = list[tuple[Entry[Subject, Effect], list[tuple[int, Effect]]]]


@dataclass(frozen=True, slots=True)
class Checkpoint(Generic[Subject, Effect]):
    """What must be published and acknowledged, and what may be committed after that.

    Attributes:
        settled: Effects by record, in offset order within a partition.
        commits: One for each partition that changed; if none did, an old one, which renews the lease.
        size: Number of effects.
    """

    settled: Taken[Subject, Effect]
    commits: dict[Partition, Commit]
    size: int


@dataclass(slots=True)
class _Assigned(Generic[Subject, Effect]):
    """A partition's part of the ledger: below `end`, every record that is not in `entries` is settled.

    From `end` to `read` there is no record. `commit` is the last one, and always fits.
    """

    end: int
    read: int
    restored: Progress
    commit: Commit
    entries: dict[int, Entry[Subject, Effect]] = field(default_factory=dict)
    touched: dict[int, Entry[Subject, Effect]] = field(default_factory=dict)
    open: int = 0
    fresh: bool = True
    crowded: bool = False

    def lose(self) -> None:
        """Let go of the open records: what becomes of them no longer counts."""
        for entry in self.entries.values():
            entry.assigned = None

    def progress(self, chosen: dict[int, int]) -> Progress:
        """Return the map with the entries in `chosen` (offset to bits) settled that far."""
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
            return _joined(self.read, [], {}, self.restored, self.read)
        if self.end > last:
            ranges.append((last, self.end))
        return _joined(low, ranges, partial, self.restored, self.end)

    def catch_up(self) -> bool:
        """Commit all that was read, if nothing is open: the group's lag must reach 0 behind markers, too.

        Returns:
            Whether the commit is a new one.
        """
        if self.entries or self.read <= self.commit.offset:
            return False
        progress = self.progress({})
        commit = Commit(progress.low, encode_progress(progress))
        if fits := len(commit.metadata) <= METADATA_MAX_CHARS:
            self.commit = commit
        return fits

    def take(self, limit: int) -> Taken[Subject, Effect]:
        """Choose what a checkpoint settles: as much as `limit` and the size of the metadata allow."""
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
    """Append what was restored, and has not been read again yet, to what is known."""
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
        """Recipients settled since the last acknowledged checkpoint: a kill would repeat their pushes."""
        return self._pending + self._published

    @property
    def open(self) -> int:
        """Recipients that no acknowledged checkpoint has settled."""
        return sum(assigned.open for assigned in self._assigned.values()) + self.unacknowledged

    @property
    def partitions(self) -> frozenset[Partition]:
        """The assigned partitions."""
        return frozenset(self._assigned)

    def assign(self, partition: Partition, progress: Progress) -> None:
        """Start a partition where its last checkpoint left it."""
        if partition in self._assigned:
            self._assigned[partition].lose()
        commit = Commit(progress.low, encode_progress(progress))
        self._assigned[partition] = _Assigned(progress.low, progress.low, progress, commit)

    def forget(self) -> None:
        """Drop every partition and everything unacknowledged: another process owns them."""
        for assigned in self._assigned.values():
            assigned.lose()
        self._assigned.clear()
        self._pending = self._published = 0

    def room(self, partition: Partition) -> int:
        """Return how many more recipients of a partition may be opened."""
        assigned = self._assigned.get(partition)
        return 0 if assigned is None or assigned.crowded else OPEN_MAX - assigned.open

    def crowded(self) -> frozenset[Partition]:
        """Return the partitions whose map is full: what waits there must be handed on."""
        return frozenset(partition for partition, assigned in self._assigned.items() if assigned.crowded)

    def open_record(
        self, partition: Partition, offset: int, size: int, subject: Subject
    ) -> Entry[Subject, Effect] | None:
        """Enter a record of `size` recipients.

        Returns:
            Its entry, with recipients that may be settled already; None if all are, or if this process does
            not own the partition.
        """
        assigned = self._assigned.get(partition)
        if assigned is None:
            return None
        if assigned.fresh and offset < assigned.read:
            # The log starts below what was committed: the topic was recreated, and the map is the old one's.
            assigned.end, assigned.restored, assigned.commit = offset, Progress(offset), Commit(offset, "")
        assigned.fresh = False
        if offset < assigned.end:
            return None
        behind, assigned.end = assigned.end, offset + 1
        assigned.read = assigned.end
        if assigned.restored.is_done(offset):
            return None
        settled = assigned.restored.settled_of(offset, size)
        entry: Entry[Subject, Effect] = Entry(  # a call of `Entry[…]` costs as much again
            partition, offset, size, settled, subject, behind=behind, assigned=assigned
        )
        assigned.entries[offset] = entry
        assigned.open += entry.open
        return entry

    def owns(self, entry: Entry[Subject, Effect]) -> bool:
        """Return whether a record is still this process's to settle."""
        return entry.assigned is not None

    def skip(self, partition: Partition, first: int, stop: int) -> None:
        """Note that the offsets from `first` to `stop` hold no record: it was read up to there.

        Does nothing unless every record below `first` has been entered: one that was read and still waits
        outside the ledger, or was dropped there, is never passed over.
        """
        assigned = self._assigned.get(partition)
        if assigned is not None and first <= assigned.read < stop:
            assigned.read = stop

    def position(self, partition: Partition) -> int:
        """Return the offset of the next record to be entered, as far as is known."""
        return self._assigned[partition].read

    def settle(self, entry: Entry[Subject, Effect], effects: Sequence[tuple[int, Effect]]) -> None:
        """Note effects by recipient index; they count once a checkpoint that has them is acknowledged."""
        assigned = entry.assigned
        if assigned is None:
            return  # its partition was lost in the meantime
        entry.pending += effects
        entry.open -= len(effects)
        assigned.open -= len(effects)
        assigned.touched[entry.offset] = entry
        self._pending += len(effects)

    def checkpoint(self) -> Checkpoint[Subject, Effect] | None:
        """Take what has settled, up to `CHECKPOINT_MAX` recipients; effects of one record stay together.

        Returns:
            None if nothing is open or skipped. Must be acknowledged, or everything forgotten, before the next
            is taken.
        """
        settled: Taken[Subject, Effect] = []
        commits: dict[Partition, Commit] = {}
        size = 0
        for partition, assigned in self._assigned.items():
            taken = assigned.take(CHECKPOINT_MAX - size) if assigned.touched else []
            settled += taken
            size += sum(len(effects) for _, effects in taken)
            if taken or assigned.catch_up():
                commits[partition] = assigned.commit
        self._pending -= size
        self._published += size
        return Checkpoint(settled, commits or self.renewal(), size) if commits or self.open else None

    def renewal(self) -> dict[Partition, Commit]:
        """Return a partition's last commit, if anything is open: Kafka's answer shows if it is still ours."""
        for partition, assigned in self._assigned.items():
            if assigned.entries:
                return {partition: assigned.commit}
        return {}

    def acknowledge(self, checkpoint: Checkpoint[Subject, Effect]) -> None:
        """Count a checkpoint's recipients as safe: Kafka has acknowledged all of it."""
        self._published = max(0, self._published - checkpoint.size)
