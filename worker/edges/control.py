"""Following `push.control`: read to its end before the first push, then looked at again and again."""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from worker.campaigns import CampaignControl, decode_control
from worker.config import KafkaSettings
from worker.edges.kafka import connection, unreachable, within
from worker.job import JobError

log = structlog.get_logger(__name__)

TOPIC = "control"
LOOK_SECONDS = 1.0
"""Between two looks: what upstream decides holds on every worker within 5 seconds."""

_FETCH_MS = 300
_STOP_SECONDS = 5.0

OnControl = Callable[[CampaignControl], None]
OnTombstone = Callable[[str], None]


class ControlReader:
    """A consumer of its own, without a group: every process reads every record."""

    def __init__(self, settings: KafkaSettings, on_control: OnControl, on_tombstone: OnTombstone) -> None:
        self._settings = settings
        self._topic = settings.topic_prefix + TOPIC
        self._on_control = on_control
        self._on_tombstone = on_tombstone
        self._consumer = AIOKafkaConsumer(
            **connection(settings),
            client_id="pushmill-control",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
        )

    async def start(self) -> None:
        """Read all that is there.

        Raises:
            KafkaUnreachableError: No broker answers.
        """
        try:
            await self._consumer.start()
            await self._consumer._client.force_metadata_update()  # noqa: SLF001 - or no partition is known yet
            places = await self._assign()
            ends = await self._consumer.end_offsets(places)
            while [place for place in places if await self._consumer.position(place) < ends[place]]:
                await self._read()
        except (KafkaError, OSError) as error:
            raise unreachable(self._settings, error) from error
        self._consumer.pause(*places)

    async def _assign(self) -> list[TopicPartition]:
        await self._consumer._client.add_topic(self._topic)  # noqa: SLF001 - as above
        partitions = self._consumer.partitions_for_topic(self._topic) or set()
        places = [TopicPartition(self._topic, partition) for partition in sorted(partitions)]
        self._consumer.assign(places)
        await self._consumer.seek_to_beginning(*places)
        return places

    async def follow(self) -> None:
        """Look for what is new until cancelled; a broker that is away is tried again."""
        places = self._consumer.assignment()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            # Fetching only while looking: an idle consumer keeps some brokers busy for nothing.
            self._consumer.resume(*places)
            try:
                await self._read()
            except (KafkaError, OSError) as error:
                log.warning("cannot read the control topic; trying again", error=type(error).__name__)
            self._consumer.pause(*places)

    async def stop(self) -> None:
        """Disconnect; never waits for long."""
        await within(_STOP_SECONDS, self._consumer.stop())

    async def _read(self) -> None:
        for records in (await self._consumer.getmany(timeout_ms=_FETCH_MS)).values():
            for record in records:
                self._take(record.key, record.value)

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        if value is None:
            self._on_tombstone((key or b"").decode(errors="replace"))
            return
        try:
            control = decode_control(value)
        except JobError as error:
            log.warning("a control record cannot be read and is passed over", problem=error.problem)
            return
        self._on_control(control)
