import asyncio
from collections.abc import Callable, Mapping

import uvloop


def pytest_asyncio_loop_factories(config, item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Test edges on the worker's event loop; tests that need asyncio's own loop make one."""
    return {"uvloop": uvloop.new_event_loop}
