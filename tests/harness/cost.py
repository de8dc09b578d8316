"""How the cost of work grows with its size, measured so that it holds on a busy machine.

Wall time depends on everything else that runs. Processor time mostly leaves that out, the least of several
runs leaves out the rest, and a ratio leaves out how fast the machine is.
"""

import gc
import time
from collections.abc import Callable

RUNS = 3


def growth(small: Callable[[], object], large: Callable[[], object]) -> float:
    """Compare the least processor time of several runs of each: how many times as much does `large` take?

    They take turns, so that a machine that slows down meanwhile slows both down.
    """
    runs = [(_processor_seconds(small), _processor_seconds(large)) for _ in range(RUNS)]
    smalls, larges = zip(*runs, strict=True)
    return min(larges) / min(smalls)


def _processor_seconds(work: Callable[[], object]) -> float:
    """Seconds of this thread, without garbage collection, which pays for what other tests left behind."""
    gc.disable()
    try:
        began = time.thread_time()
        work()
        return time.thread_time() - began
    finally:
        gc.enable()
