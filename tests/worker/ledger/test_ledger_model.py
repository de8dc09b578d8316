"""The ledger under any order of events, compared with a model of two logs and their owners."""

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


class Owners(RuleBasedStateMachine):
    """One owner after another reads two logs; `durable` is what acknowledged checkpoints contain."""

    partitions = st.sampled_from([P0, P1])

    def __init__(self):
        super().__init__()
        self.logs = {P0: [], P1: []}
        self.commits = {P0: Commit(0, ""), P1: Commit(0, "")}
        self.durable = set()
        self._start()

    def _start(self):
        self.ledger = Ledger()
        self._assign()

    def _assign(self):
        self.handed, self.settled, self.outstanding = {}, set(), None
        self.position = {}
        for partition, commit in self.commits.items():
            self.ledger.assign(partition, restored(commit))
            self.position[partition] = commit.offset

    @rule(
        partition=partitions,
        sizes=st.lists(SIZES, min_size=1, max_size=20),
        gap=st.sampled_from([0, 0, 1, 300]),
    )
    def produce(self, partition, sizes, gap):
        log = self.logs[partition]
        for size in sizes:
            offset = log[-1][0] + 1 + gap if log else gap
            log.append((offset, size))

    @rule(partition=partitions, most=st.integers(1, 30))
    def read(self, partition, most):
        for offset, size in self.logs[partition]:
            if most and offset >= self.position[partition] and self.ledger.room(partition) >= size:
                self._read(partition, offset, size)
                most -= 1

    def _read(self, partition, offset, size):
        self.position[partition] = offset + 1
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
        checkpoint = self.ledger.checkpoint()
        if checkpoint is None:
            assert set(self.handed) <= self.durable
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

    def teardown(self):
        self._start()
        for partition, log in self.logs.items():
            for offset, size in log:
                if offset >= self.position[partition]:
                    self._read(partition, offset, size)
        everyone = {
            (p, offset, i) for p, log in self.logs.items() for offset, size in log for i in range(size)
        }
        assert set(self.handed) == everyone - self.durable


TestOwners = Owners.TestCase
TestOwners.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)
