"""Following `push.control`: read to its end before the first push, then looked at again and again."""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka.errors import KafkaError

from worker.config import KafkaSettings
from worker.edges import clock
from worker.edges.kafka.reader import TopicReader
from worker.logs import LogThrottle
from worker.records.control import CampaignControl, decode_control
from worker.records.topics import CONTROL
from worker.records.values import RecordError

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks: what upstream decides holds on every worker within 5 seconds."""

OnControl = Callable[[CampaignControl], object]
OnTombstone = Callable[[str], None]


class ControlReader:
    """Reads every control record in every process, in the order in which each campaign's were written."""

    def __init__(self, settings: KafkaSettings, on_control: OnControl, on_tombstone: OnTombstone) -> None:
        self._reader = TopicReader(settings, CONTROL, self._take)
        self._on_control = on_control
        self._on_tombstone = on_tombstone
        self._throttle = LogThrottle()

    async def start(self) -> None:
        """Read all that is there.

        Raises:
            KafkaUnreachableError: No broker answers.
        """
        await self._reader.read_to_end()

    async def follow(self) -> None:
        """Look for what is new until cancelled; a broker that is away is tried again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._reader.look()
            except (KafkaError, OSError) as error:
                self._warn("cannot read the control topic; trying again", error=type(error).__name__)

    async def stop(self) -> None:
        """Disconnect."""
        await self._reader.stop()

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        if value is None:
            self._on_tombstone((key or b"").decode(errors="replace"))
            return
        try:
            control = decode_control(value)
        except RecordError as error:
            self._warn("a control record cannot be read and is passed over", problem=error.problem)
            return
        self._on_control(control)

    def _warn(self, event: str, **values: str) -> None:
        self._throttle.warn(log, event, clock.monotonic(), event, **values)
