"""Reads what Pushmill writes back, as an upstream consumer would."""

import asyncio
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer

from worker.config import KafkaSettings
from worker.demo.contract import DEAD_LETTERS, EXPIRED, OUTCOMES
from worker.demo.evidence import Received
from worker.edges.kafka.client import connection

ROUND_SECONDS = 0.25
"""Pause between two polls: the embedded broker answers idle fetches at once, which would keep a core busy."""

QUIET_MS = 50
STOP_SECONDS = 5.0


class Collector:
    """Consumes outcomes, expired subscriptions and dead letters from the beginning of their topics.

    Attributes:
        received: Everything read so far.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._prefix = settings.topic_prefix
        self.received = Received()
        self._consumer = AIOKafkaConsumer(
            *(self._prefix + topic for topic in (OUTCOMES, EXPIRED, DEAD_LETTERS)),
            **connection(settings),
            client_id="pushmill-demo-collector",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=QUIET_MS,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.wait_for(self._consumer.stop(), STOP_SECONDS)

    async def poll(self) -> None:
        """Read what is new since the last poll, then pause for a moment."""
        partitions = self._consumer.assignment()
        self._consumer.resume(*partitions)
        while found := await self._consumer.getmany(timeout_ms=QUIET_MS):
            self._take(found)
        self._consumer.pause(*partitions)
        await asyncio.sleep(ROUND_SECONDS)

    async def finish(self) -> None:
        """Read everything up to the current end of each topic."""
        partitions = self._consumer.assignment()
        ends = await self._consumer.end_offsets(partitions)
        self._consumer.resume(*partitions)
        for partition, end in ends.items():
            while await self._consumer.position(partition) < end:
                self._take(await self._consumer.getmany(timeout_ms=QUIET_MS))

    def _take(self, found: dict[Any, list[Any]]) -> None:
        for record in (record for records in found.values() for record in records):
            topic = record.topic.removeprefix(self._prefix)
            if topic == OUTCOMES:
                self.received.take_outcomes(record.value)
            elif topic == EXPIRED:
                self.received.take_expired(record.value)
            else:
                self.received.take_dead_letter(record.key, record.value, dict(record.headers))
