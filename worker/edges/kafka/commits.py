"""Reading a group's commits with their metadata, which aiokafka's consumer does not return.

Decides which answers to distrust and ask for again. Knows nothing of what the metadata says.
"""

import asyncio

import structlog
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from worker.config import KafkaSettings
from worker.edges import clock
from worker.edges.kafka.admin import Admin
from worker.logs import LogThrottle
from worker.records.envelope import Commit

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.5


async def read_commits(
    settings: KafkaSettings, group: str, partitions: set[TopicPartition], throttle: LogThrottle
) -> dict[TopicPartition, Commit | None]:
    """Return the group's last commit for each partition, or None if there is none; retries without end."""
    if not partitions:
        return {}
    while True:
        try:
            found = await _list_offsets(settings, group, partitions)
            break
        except (KafkaError, OSError) as error:
            event = "cannot read the group's commits; trying again"
            throttle.warn(log, event, clock.monotonic(), event, error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
    return {partition: _commit(found.get(partition)) for partition in partitions}


async def _list_offsets(
    settings: KafkaSettings, group: str, partitions: set[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    admin = Admin(settings)
    try:
        await admin.start()
        found: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(
            group, partitions=list(partitions)
        )
        if partitions - found.keys():  # aiokafka drops error codes; a partition without a commit is listed
            raise GroupCoordinatorNotAvailableError("the coordinator does not know the group's commits yet")
        return found
    finally:
        await admin.close()


def _commit(found: OffsetAndMetadata | None) -> Commit | None:
    return Commit(found.offset, found.metadata or "") if found and found.offset >= 0 else None
