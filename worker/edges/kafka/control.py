"""Following `push.control`: reads it to its end before the first push, then polls it for new records.

Knows nothing of what a campaign's state does to its pushes.
"""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka.errors import KafkaError

from worker.config import KafkaSettings
from worker.edges import clock
from worker.edges.kafka.reader import TopicReader
from worker.edges.kafka.transactions import Held
from worker.logs import LogThrottle
from worker.records.control import CampaignControl, decode_control
from worker.records.envelope import Partition
from worker.records.topics import CONTROL
from worker.records.values import RecordError

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
"""Between polls: a change must take effect on every worker within 5 seconds."""

OnControl = Callable[[CampaignControl], object]
OnTombstone = Callable[[str], None]


class ControlReader:
    """Reads every control record, in the order in which each campaign's were written."""

    def __init__(self, settings: KafkaSettings, on_control: OnControl, on_tombstone: OnTombstone) -> None:
        self._reader = TopicReader(settings, CONTROL, self._take)
        self._on_control = on_control
        self._on_tombstone = on_tombstone
        self._throttle = LogThrottle()

    async def start(self) -> None:
        """Read the topic to its end, or to the start of a transaction that is open.

        Raises:
            KafkaUnreachableError: No broker answers.
        """
        await self._reader.read_to_end()

    async def follow(self) -> None:
        """Poll for new records until cancelled; retries while the broker is away."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._reader.poll()
            except (KafkaError, OSError) as error:
                self._warn("cannot read the control topic; trying again", error=type(error).__name__)

    def held(self) -> dict[Partition, Held]:
        """Return, for each partition, which control records do not count yet: a transaction is open."""
        return {Partition(CONTROL, number): each for number, each in self._reader.held().items()}

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
            self._warn("skipping a control record that cannot be read", problem=error.problem)
            return
        self._on_control(control)

    def _warn(self, event: str, **values: str) -> None:
        self._throttle.warn(log, event, clock.monotonic(), event, **values)
