import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from campaigns.store.database import Database
from tests.harness import postgresql, requirements
from tests.harness.kafka.apache import ApacheKafka
from tests.harness.kafka.jars import JarsError, chosen, fetched
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


def pytest_configure(config: pytest.Config) -> None:
    """Of several processes, the first one calls this before it starts the others."""
    config.addinivalue_line("markers", "apache_kafka: needs what only Apache Kafka does")
    config.addinivalue_line("markers", "given_broker: concerns the broker that PUSHMILL_TEST_BROKER names")
    config.addinivalue_line("markers", "test_kafka: needs Apache Kafka, and is left to `make test-kafka`")
    requirements.check(os.environ.get(requirements.VARIABLE, ""))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what a test needs, before anybody selects by it."""
    if _concerns_the_broker(item):
        item.add_marker(pytest.mark.given_broker)
    if _needs_apache_kafka(item):
        item.add_marker(pytest.mark.test_kafka)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the tests that wait: at the end of a run, one of them alone would leave a core idle."""
    items.sort(key=lambda item: not _waits(item))


def _waits(item: pytest.Item) -> bool:
    return any(item.path.is_relative_to(folder) for folder in WAITING)


def _concerns_the_broker(item: pytest.Item) -> bool:
    """Whether it uses `broker`, without the faults of the stand-in, or an Apache Kafka of any version."""
    if not isinstance(item, pytest.Function) or not item.path.is_relative_to(WAITING[0]):
        return False
    fixtures = {*item.fixturenames}
    of_any_version = "apache_kafka" in fixtures and "version" not in fixtures
    return of_any_version or ("broker" in fixtures and "kafka" not in fixtures)


def _needs_apache_kafka(item: Any) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("apache_kafka")) or "apache_kafka" in fixtures


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


@pytest.fixture
async def apache_kafka(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[ApacheKafka]]]:
    """Starts an Apache Kafka of the test's own, to break: `kafka = await apache_kafka(brokers=3)`."""
    requirements.require("kafka")
    numbers = count(1)
    async with AsyncExitStack() as stack:

        async def start(**how: Any) -> ApacheKafka:
            await asyncio.to_thread(fetch_apache_kafka, how.get("version"))
            folder = tmp_path / f"kafka-{next(numbers)}"
            return await stack.enter_async_context(ApacheKafka(folder, **how))

        yield start


def fetch_apache_kafka(version: str | None = None) -> None:
    """Fetch the jars; skip the test where that fails, unless Apache Kafka is required."""
    try:
        fetched(version or chosen())
    except JarsError as error:
        requirements.forgo("kafka", str(error))


@pytest.fixture(scope="session")
def postgresql_servers() -> Iterator[postgresql.Servers]:
    """PostgreSQL of each version that the tests of this process need."""
    with postgresql.Servers() as servers:
        yield servers


@pytest.fixture
def postgresql_version() -> str:
    """Of `database`; parametrize it where versions matter: `postgresql.OLDEST, postgresql.NEWEST`."""
    return postgresql.chosen()


@pytest.fixture
async def database_url(postgresql_servers: postgresql.Servers, postgresql_version: str) -> AsyncIterator[str]:
    """The URL of a new database that has the schema."""
    databases = postgresql_servers.databases(postgresql_version)
    name = await databases.create()
    yield databases.url_of(name)
    await databases.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A new database that has the schema, with a pool of connections."""
    async with Database(database_url) as opened:
        yield opened
