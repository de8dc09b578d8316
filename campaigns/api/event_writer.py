"""Writing what browsers report to Kafka: a report is answered when Kafka has it, or else refused.

Connects in the background, for as long as it takes: nothing else of the API needs Kafka.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import structlog

from campaigns.adapters.service import EventsLostError
from campaigns.model.events import EventRecord
from worker.config import KafkaSettings
from worker.edges.kafka.client import KafkaStuckError, KafkaUnreachableError
from worker.edges.kafka.producer import RecordProducer
from worker.records.envelope import Publication
from worker.records.topics import EVENTS
from worker.records.values import encode_json

log = structlog.get_logger(__name__)

RETRY_SECONDS = 5.0
WRITE_SECONDS = 5.0
"""How long a browser waits for Kafka; then it keeps its report, and sends it again."""

CLIENT_ID = "pushmill-campaigns-api"


class EventWriter:
    """Writes to `push.events` while its `async with` block runs."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: RecordProducer | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._connecting = asyncio.create_task(self._connect())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    @property
    def is_connected(self) -> bool:
        """Whether Kafka has been reached."""
        return self._producer is not None

    async def write(self, events: Iterable[EventRecord]) -> None:
        """Write events, and wait until Kafka has them. They may be there although this failed.

        Raises:
            EventsLostError: Kafka does not answer in time.
        """
        producer = self._producer
        if producer is None:
            raise EventsLostError("not connected")
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await producer.publish([_publication(event) for event in events])
        except TimeoutError:
            raise EventsLostError("no acknowledgement") from None
        except KafkaStuckError as error:
            self._reconnect(producer)
            raise EventsLostError("refused") from error

    def _reconnect(self, producer: RecordProducer) -> None:
        if producer is self._producer:
            self._producer = None
            self._connecting = asyncio.create_task(self._connect(producer))

    async def _connect(self, old: RecordProducer | None = None) -> None:
        if old is not None:
            await old.stop()
        told = False
        while True:
            producer = RecordProducer(self._settings, CLIENT_ID)
            try:
                await producer.start()
            except KafkaUnreachableError as error:
                if not told:
                    log.warning("no events can be taken until Kafka is there", problem=str(error))
                told = True
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._producer = producer
                log.info("connected to Kafka; events can be taken")
                return


def _publication(event: EventRecord) -> Publication:
    return Publication(EVENTS, event.subscriber_id.encode(), encode_json(event))
