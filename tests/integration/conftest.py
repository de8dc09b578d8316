import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.support import World
from worker.demo.broker import EmbeddedBroker


@pytest.fixture
async def broker() -> AsyncIterator[str]:
    """The address of `PUSHMILL_TEST_BROKER`, or of an embedded broker."""
    given = os.environ.get("PUSHMILL_TEST_BROKER")
    if given:
        yield given
        return
    async with EmbeddedBroker() as embedded:
        yield embedded.address


@pytest.fixture
async def world(broker: str, tmp_path: Path) -> AsyncIterator[World]:
    made = World(broker, f"test-{uuid.uuid4().hex[:8]}.", tmp_path)
    await made.prepare()
    try:
        yield made
    finally:
        await made.close()
