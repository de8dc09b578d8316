"""aiokafka's administrative client, made to ask another broker where one is away.

Decides which broker is asked, and for how long. Knows nothing of topics and groups.
"""

import asyncio
import random
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NodeNotReadyError

from worker.config import KafkaSettings
from worker.edges.kafka.client import AWAY, connection


class Admin(AIOKafkaAdminClient):  # type: ignore[misc]  # aiokafka ships no types
    """An administrative client that works as long as one broker does."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(**connection(settings))

    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        """Ask a broker; aiokafka takes a random one, and gives up if it is away."""
        if node_id is not None:
            return await super()._send_request(request, node_id)
        nodes = [broker.nodeId for broker in self._client.cluster.brokers()]
        failure: Exception = NodeNotReadyError("no broker is known")
        for node in random.sample(nodes, len(nodes)):
            try:
                return await super()._send_request(request, node)
            except AWAY as error:
                failure = error
        raise failure

    async def _send_to_controller(self, request: Any) -> Any:
        """Ask the controller; aiokafka waits for the one that it knew at the start."""
        async with asyncio.timeout(self._request_timeout_ms / 1000):
            while True:
                controller = self._client.cluster.controller
                if controller is not None and await self._client.ready(controller.nodeId):
                    return await self._client.send(controller.nodeId, request)
                await self._client.force_metadata_update()
                await asyncio.sleep(self._client._retry_backoff)  # noqa: SLF001 - as in the method that this replaces
