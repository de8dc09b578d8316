from collections.abc import AsyncIterator

import pytest

from tests.kafka.proxy import KafkaProxy
from worker.demo.broker import EmbeddedBroker


@pytest.fixture
async def kafka() -> AsyncIterator[KafkaProxy]:
    async with EmbeddedBroker() as broker, KafkaProxy(broker.address) as proxy:
        yield proxy
