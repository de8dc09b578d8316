"""The ledger under any order of events, compared with a model of two logs and their owners."""

from collections import deque
from itertools import groupby

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.worker.ledger.support import P0, P1, told
from tests.worker.support import restored
from worker.ledger.ledger import CHECKPOINT_MAX, Ledger
from worker.ledger.progress import METADATA_MAX_CHARS
from worker.records.envelope import Commit

SIZES = st.sampled_from([1, 1, 2, 7, 8, 100, 1000])


class Reader:
    """Reads one log: hands records out to a shelf, and steps over what is no record.

    Attributes:
        position: The next offset to read.
        after: The offset after the last record that was handed out.
        shelf: Records handed out and not entered yet.
    """

    def __init__(self, position):
        self.position = self.after = position
        self.shelf = deque()


class Owners(RuleBasedStateMachine):
    """One owner after another reads two logs; `durable` is what acknowledged checkpoints contain.

    A log is its records, as (offset, size), and its end: markers and aborted records may come last.
    """

    partitions = st.sampled_from([P0, P1])

    def __init__(self):
        super().__init__()
        self.logs = {P0: [], P1: []}
        self.ends = {P0: 0, P1: 0}
        self.commits = {P0: Commit(0, ""), P1: Commit(0, "")}
        self.durable = set()
        self._start()

    def _start(self):
        self.ledger = Ledger()
        self._assign()

    def _assign(self):
        self.handed, self.settled, self.outstanding = {}, set(), None
        self.readers = {}
        self.letting_go = False
        for partition, commit in self.commits.items():
            self.ledger.assign(partition, restored(commit))
            self.readers[partition] = Reader(commit.offset)

    @rule(
        partition=partitions,
        sizes=st.lists(SIZES, min_size=1, max_size=20),
        gap=st.sampled_from([0, 0, 1, 300]),
    )
    def produce(self, partition, sizes, gap):
        for size in sizes:
            offset = self.ends[partition] + gap
            self.logs[partition].append((offset, size))
            self.ends[partition] = offset + 1

    @rule(partition=partitions, markers=st.integers(1, 3))
    def end_a_transaction(self, partition, markers):
        self.ends[partition] += markers

    @rule(partition=partitions, most=st.integers(0, 30))
    def fetch(self, partition, most):
        self._fetch(partition, most)
        self._skip()  # may come at any time: what is on the shelf keeps it from passing

    def _fetch(self, partition, most):
        """Hand out `most` records, then step over what comes before the next one."""
        reader = self.readers[partition]
        ahead = [each for each in self.logs[partition] if each[0] >= reader.position]
        for record in ahead[:most]:
            reader.after = record[0] + 1
            if not self.letting_go:
                reader.shelf.append(record)
        reader.position = ahead[most][0] if ahead[most:] else self.ends[partition]

    def _skip(self):
        for partition, reader in self.readers.items():
            self.ledger.skip(partition, reader.after, reader.position)

    @rule(partition=partitions, most=st.integers(1, 30))
    def accept(self, partition, most):
        self._accept(partition, most)

    def _accept(self, partition, most):
        shelf = self.readers[partition].shelf
        while most and shelf and self.ledger.room(partition) >= shelf[0][1]:
            self._enter(partition, *shelf.popleft())
            most -= 1

    @rule()
    def let_go(self):
        """Drop what is on the shelf, as before a hand-over: from now on nothing is entered any more."""
        self.letting_go = True
        for reader in self.readers.values():
            reader.shelf.clear()

    def _enter(self, partition, offset, size):
        entry = self.ledger.open_record(partition, offset, size, offset)
        left = set(entry.unsettled) if entry else set()
        durable = {index for (p, o, index) in self.durable if (p, o) == (partition, offset)}
        assert left == set(range(size)) - durable
        self.handed.update({(partition, offset, index): entry for index in left})

    @precondition(lambda self: self.handed)
    @rule(dice=st.randoms(use_true_random=True), share=st.floats(0, 1))
    def settle_some(self, dice, share):
        open_now = sorted(set(self.handed) - self.settled)
        chosen = dice.sample(open_now, int(len(open_now) * share))
        for _, neighbours in groupby(chosen, key=lambda who: who[:2]):
            together = list(neighbours)
            self.ledger.settle(self.handed[together[0]], [(who[2], who) for who in together])
        self.settled.update(chosen)

    @precondition(lambda self: self.outstanding is None)
    @rule()
    def checkpoint(self):
        self._skip()
        checkpoint = self.ledger.checkpoint()
        if checkpoint is None:
            assert set(self.handed) <= self.durable
            for partition, commit in self.commits.items():
                assert self.ledger.position(partition) <= commit.offset
            return
        effects = set(told(checkpoint))
        assert len(effects) == len(told(checkpoint)) == checkpoint.size <= CHECKPOINT_MAX
        assert effects <= self.settled
        assert not effects & self.durable
        self._check_commits(checkpoint, self.durable | effects)
        self.outstanding = checkpoint

    def _check_commits(self, checkpoint, durable):
        for partition, commit in checkpoint.commits.items():
            assert len(commit.metadata) <= METADATA_MAX_CHARS
            assert commit.offset >= self.commits[partition].offset
            below = [(offset, size) for offset, size in self.logs[partition] if offset < commit.offset]
            assert all(
                (partition, offset, index) in durable for offset, size in below for index in range(size)
            )

    @precondition(lambda self: self.outstanding is not None)
    @rule()
    def acknowledge(self):
        self.ledger.acknowledge(self.outstanding)
        self.durable.update(told(self.outstanding))
        self.commits.update(self.outstanding.commits)
        self.outstanding = None

    @rule()
    def lose_the_partitions(self):
        lost = dict(self.handed)
        self.ledger.forget()
        self._assign()
        for (_, _, index), entry in lost.items():
            self.ledger.settle(entry, [(index, "too late")])

    @rule()
    def die(self):
        self._start()

    @invariant()
    def counts_are_right(self):
        assert self.ledger.unacknowledged == len(self.settled - self.durable)
        assert self.ledger.open == len(set(self.handed) - self.durable)

    @invariant()
    def nothing_that_was_not_read_is_passed_over(self):
        for partition, reader in self.readers.items():
            first = min([offset for offset, _ in reader.shelf], default=reader.position)
            assert self.ledger.position(partition) <= max(first, self.commits[partition].offset)

    def teardown(self):
        self._start()
        everyone = {
            (p, offset, i) for p, log in self.logs.items() for offset, size in log for i in range(size)
        }
        left = everyone - self.durable
        while any(reader.position < self.ends[partition] for partition, reader in self.readers.items()):
            for partition, reader in self.readers.items():
                self._fetch(partition, 5)
                while reader.shelf:
                    self._accept(partition, 5)
                    self._settle_everything()
                self._skip()
        self._settle_everything()
        assert set(self.handed) == left
        assert {partition: commit.offset for partition, commit in self.commits.items()} == self.ends

    def _settle_everything(self):
        for who in sorted(set(self.handed) - self.settled):
            self.ledger.settle(self.handed[who], [(who[2], who)])
            self.settled.add(who)
        for _ in range(1 + self.ledger.open):
            if (checkpoint := self.ledger.checkpoint()) is None:
                break
            self.outstanding = checkpoint
            self._check_commits(checkpoint, self.durable | set(told(checkpoint)))
            self.acknowledge()


TestOwners = Owners.TestCase
TestOwners.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)
