"""What became of a launch: how often each of its recipients stands in the jobs that were committed."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from worker.config import KafkaSettings
from worker.edges.kafka.client import STOP_LIMIT, connection, partitions_of, within
from worker.records.job import SendJob
from worker.records.topics import JOBS

_decode = msgspec.json.Decoder(SendJob).decode


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many recipients are wanted, and what is wrong."""

    wanted: int
    lost: int
    repeated: int
    job_ids_repeated: int

    @property
    def exactly_once(self) -> bool:
        return not (self.lost or self.repeated or self.job_ids_repeated)

    def __str__(self) -> str:
        return (
            f"{self.wanted} recipients: {self.lost} lost, {self.repeated} repeated, "
            f"{self.job_ids_repeated} job ids used twice"
        )


async def judge(settings: KafkaSettings, recipients: set[str]) -> Verdict:
    """Read all committed jobs, and compare with who should be in them."""
    of_recipient, of_job = Counter[str](), Counter[str]()
    async for job in committed_jobs(settings):
        of_job[job.job_id] += 1
        of_recipient.update(recipient.id for recipient in job.recipients)
    return Verdict(
        wanted=len(recipients),
        lost=len(recipients - of_recipient.keys()),
        repeated=sum(of_recipient.values()) - len(of_recipient) + len(of_recipient.keys() - recipients),
        job_ids_repeated=sum(of_job.values()) - len(of_job),
    )


async def committed_jobs(settings: KafkaSettings, topic: str = JOBS) -> AsyncIterator[SendJob]:
    """Yield the jobs of a topic up to where it ended when this began."""
    async for value in committed(settings, topic):
        yield _decode(value)


async def committed(settings: KafkaSettings, topic: str) -> AsyncIterator[bytes]:
    """Yield the values of a topic up to where it ended when this began."""
    async with _consumer(settings) as consumer:
        ends = await _ends(consumer, settings.topic_prefix + topic)
        consumer.assign([*ends])
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=300)).values():
                for record in records:
                    yield record.value


async def ends_of(settings: KafkaSettings, topic: str) -> dict[int, int]:
    """Return where each partition of a topic ends."""
    async with _consumer(settings) as consumer:
        ends = await _ends(consumer, settings.topic_prefix + topic)
        return {place.partition: end for place, end in ends.items()}


@asynccontextmanager
async def _consumer(settings: KafkaSettings) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        **connection(settings), isolation_level="read_committed", auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await within(STOP_LIMIT, consumer.stop())


async def _ends(consumer: Any, name: str) -> dict[TopicPartition, int]:
    ends: dict[TopicPartition, int] = await consumer.end_offsets(await partitions_of(consumer, name))
    return ends
