"""Short ways to fill a ledger and to take its checkpoints."""

from worker.ledger.ledger import Ledger
from worker.ledger.progress import Progress
from worker.records.envelope import Partition

P0, P1 = Partition("jobs", 0), Partition("jobs", 1)


def owner(partition=P0, progress=None):
    ledger = Ledger()
    ledger.assign(partition, progress or Progress(0))
    return ledger


def opened(ledger, *sizes, partition=P0, first=0):
    return [
        ledger.open_record(partition, offset, size, f"job-{offset}")
        for offset, size in enumerate(sizes, start=first)
    ]


def settle(ledger, entry, *indexes):
    for index in indexes or range(entry.size):
        ledger.settle(entry, [(index, f"{entry.offset}/{index}")])


def committed(ledger, partition=P0):
    """Take one checkpoint, acknowledge it, and return what it commits."""
    checkpoint = ledger.checkpoint()
    ledger.acknowledge(checkpoint)
    return checkpoint.commits[partition]


def told(checkpoint):
    return [effect for _, effects in checkpoint.settled for _, effect in effects]
