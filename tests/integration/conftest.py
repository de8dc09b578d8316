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
    """The address of `PUSHMILL_TEST_BROKER`; of `kafka` without it, and for who asks for that one."""
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
    """What the push service does to those who ask for nothing else: no harm, at once."""
    return Faults()


@pytest.fixture
async def service(world: World, faults: Faults) -> AsyncIterator[SimulatedPushService]:
    async with world.push_service(faults=faults) as running:
        yield running
