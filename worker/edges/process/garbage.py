"""When a process looks for garbage in cycles; all else is freed at once, whatever is decided here.

Hardly anything that a process does over and over makes cycles, and a look costs the more, the more there is.
"""

import gc


def collect_rarely() -> None:
    """Leave out whatever is there already, and look seldom at what comes; call this once all is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
