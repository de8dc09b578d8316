import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import fetch_apache_kafka
from tests.harness import requirements
from tests.harness.kafka.apache import ApacheKafka
from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.world import World
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

GIVEN_BROKER = "PUSHMILL_TEST_BROKER"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def apache_broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of an Apache Kafka that all tests share: none of them may break it."""
    requirements.require("kafka")
    await asyncio.to_thread(fetch_apache_kafka)
    async with ApacheKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka.address


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> str:
    """The broker's address.

    That of `kafka` if the test uses it, because it breaks things there; else `PUSHMILL_TEST_BROKER`, if that
    is set. Else that of Apache Kafka for a test marked `apache_kafka`, and of `kafka` for all others.
    """
    if "kafka" not in request.fixturenames:
        if GIVEN_BROKER in os.environ:
            return os.environ[GIVEN_BROKER]
        if request.node.get_closest_marker("apache_kafka"):
            address: str = request.getfixturevalue("apache_broker")
            return address
    running: KafkaProxy = request.getfixturevalue("kafka")
    return running.address


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
