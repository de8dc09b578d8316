"""Signals: the first one starts a drain, the second one forces the exit. Knows nothing of what drains."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)

FORCED = 1
"""Exit status of a forced exit."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signal() -> Iterator[asyncio.Event]:
    """Yield an event that the first SIGTERM or SIGINT sets; the second one ends the process at once.

    Must be entered inside a running event loop.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            log.warning("stopping without draining", signal=number.name)
            os._exit(FORCED)
        log.info("draining; a second signal forces the exit", signal=number.name)
        stop.set()

    for each in _SIGNALS:
        loop.add_signal_handler(each, received, each)
    try:
        yield stop
    finally:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)
