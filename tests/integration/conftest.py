import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.world import World
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

GIVEN_BROKER = "PUSHMILL_TEST_BROKER"


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> str:
    """The broker's address: `kafka` if the test uses it, else `PUSHMILL_TEST_BROKER`, else `kafka` again."""
    if "kafka" in request.fixturenames or GIVEN_BROKER not in os.environ:
        running: KafkaProxy = request.getfixturevalue("kafka")
        return running.address
    return os.environ[GIVEN_BROKER]


@pytest.fixture
async def world(broker: str, tmp_path: Path) -> AsyncIterator[World]:
    async with World(broker, tmp_path) as made:
        yield made


@pytest.fixture
def faults() -> Faults:
    """The faults of the push service: none, unless a test module overrides this."""
    return Faults()


@pytest.fixture
async def service(world: World, faults: Faults) -> AsyncIterator[SimulatedPushService]:
    async with world.push_service(faults=faults) as running:
        yield running
