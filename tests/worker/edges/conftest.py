import asyncio
from collections.abc import Callable, Mapping

import uvloop


def pytest_asyncio_loop_factories(config, item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Edges are tested on the loop that the worker runs on; tests that need asyncio's own make it."""
    return {"uvloop": uvloop.new_event_loop}
