import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.harness import requirements
from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.waiting import GENEROUS
from tests.harness.worker_process import free_port
from worker.demo import broker
from worker.demo.broker import EmbeddedBroker

HERE = Path(__file__).parent
WAITING = (HERE / "integration", HERE / "harness/kafka")
"""Folders of tests that watch real processes in real time: they mostly wait."""

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


def pytest_configure() -> None:
    """Of several processes, the first one calls this before it starts the others."""
    requirements.check(os.environ.get(requirements.VARIABLE, ""))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with these, one after the other: `pytest -n 2 --dist loadgroup` runs all others beside them."""
    items.sort(key=lambda item: not _waits(item))
    for item in filter(_waits, items):
        item.add_marker(pytest.mark.xdist_group("waiting"))


def _waits(item: pytest.Item) -> bool:
    return any(item.path.is_relative_to(folder) for folder in WAITING)


@pytest.fixture
async def embedded(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedBroker]:
    # Killed while it still writes to disk, it loses records that it acknowledged.
    monkeypatch.setattr(broker, "STOP_SECONDS", GENEROUS)
    monkeypatch.setattr(broker, "START_SECONDS", GENEROUS)
    async with EmbeddedBroker(free_port()) as running:
        yield running


@pytest.fixture
async def kafka(embedded: EmbeddedBroker) -> AsyncIterator[KafkaProxy]:
    """The embedded broker, behaving like Apache Kafka; consumers that wait for records use no CPU."""
    async with KafkaProxy(embedded.address) as proxy:
        yield proxy
