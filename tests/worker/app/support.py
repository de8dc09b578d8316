"""Stand-ins for Kafka's clients, for a worker whose partitions come and go."""

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.subscription_state import Assignment
from aiokafka.errors import CommitFailedError
from aiokafka.structs import TopicPartition

PLACES = {TopicPartition("push.jobs", 0)}
JOB = {
    "v": 1,
    "job_id": "j",
    "campaign_id": "c",
    "site_id": "s",
    "payload": "x",
    "recipients": [{"id": "r", "subscription": {"endpoint": 5}}],
}
WAITS = {
    "id": "w",
    "subscription": {
        "endpoint": "https://fcm.googleapis.com/fcm/send/w",
        "keys": {"p256dh": "x", "auth": "x"},
    },
}
"""A recipient that stays open: nobody dispatches."""


class Consumer:
    def __init__(self, **_: Any) -> None:
        self._coordinator = SimpleNamespace(generation=1, _send_req=None)
        self._client = SimpleNamespace(send=None)
        self._fetcher = SimpleNamespace(_records={})
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=Assignment(PLACES)))
        self.committed: list[Any] = []
        self.refuses = False

    def subscribe(self, _topics: Any, listener: Any) -> None: ...

    async def start(self) -> None: ...

    def pause(self, *_: Any) -> None: ...

    def paused(self) -> set[Any]:
        return set()

    def assignment(self) -> set[Any]:
        return PLACES

    def read_to(self, offset: int) -> None:
        """Read on to an offset without handing any record out."""
        for place in PLACES:
            self._subscription.subscription.assignment.state_value(place).seek(offset)

    async def commit(self, offsets: Any) -> None:
        await asyncio.sleep(0)
        if self.refuses:
            raise CommitFailedError
        self.committed.append(offsets)


class Producer:
    def __init__(self, **_: Any) -> None:
        self.acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.client = SimpleNamespace(send=None)
        self.records: list[str] = []

    async def send(self, topic: str, *_: Any, **__: Any) -> asyncio.Future[None]:
        self.records.append(topic)
        return self.acknowledged


async def turns() -> None:
    """Give the event loop enough turns for everything that is not waiting for an outside event."""
    for _ in range(20):
        await asyncio.sleep(0)
