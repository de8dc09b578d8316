"""Launchers that are killed, fenced and held up, on Apache Kafka: every recipient is written exactly once."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from campaigns.launch.markers import FoundMarker
from campaigns.launch.transaction import ClaimLostError, MarkedWriter
from tests.chaos.campaigns.cursors import LAUNCH, FileCursors
from tests.chaos.campaigns.run import LaunchRun, kill_often
from tests.chaos.campaigns.verdict import committed_jobs
from tests.chaos.campaigns.writer import NAME, SLOT, STEPS, chunk
from tests.harness.world import World
from worker.config import KafkaSettings
from worker.edges.kafka.topics import create_topics
from worker.records.envelope import Publication
from worker.records.topics import JOBS, LAUNCHES
from worker.records.values import encode_json

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(400)]

COUNT, SIZE = 20_000, 500


@pytest.fixture
def settings(world: World) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap_servers=world.broker, topic_prefix=world.prefix)


class ForgetfulCursors(FileCursors):
    """Cannot keep anything: what was written shows in Kafka alone."""

    async def keep(self, markers: Sequence[FoundMarker]) -> None:
        pass


@asynccontextmanager
async def writing(settings: KafkaSettings, cursors: FileCursors) -> AsyncIterator[MarkedWriter]:
    writer = MarkedWriter(settings, NAME, SLOT, cursors)
    try:
        yield writer
    finally:
        await writer.release()


async def write_next(writer: MarkedWriter, cursors: FileCursors) -> None:
    records, marker = chunk(cursors.newest(), SIZE, COUNT)
    await writer.write(records, Publication(LAUNCHES, LAUNCH.encode(), encode_json(marker)))


@pytest.mark.parametrize("step", STEPS)
async def test_a_launcher_that_dies_at_any_step_has_written_nothing_twice(settings, tmp_path, step):
    async with LaunchRun(settings, tmp_path, 3000, SIZE) as run:
        for number in (1, 1 if step == "claimed" else 2):
            await run.kill_at(step, number)
        assert run.killed == 2
        await run.finish()
        verdict = await run.verdict()
    assert verdict.exactly_once, verdict


async def test_launchers_that_are_killed_again_and_again(settings, tmp_path):
    async with LaunchRun(settings, tmp_path, COUNT, SIZE) as run:
        await kill_often(run, 12, random.Random(7))
        assert run.killed > 6
        await run.finish()
        verdict = await run.verdict()
    assert verdict.exactly_once, verdict


async def test_two_launchers_of_one_slot(settings, tmp_path):
    async with LaunchRun(settings, tmp_path, COUNT, SIZE) as run:
        both = [await run.launcher(), await run.launcher()]
        assert await asyncio.gather(*(launcher.end() for launcher in both)) == [0, 0]
        verdict = await run.verdict()
    assert verdict.exactly_once, verdict


async def test_whoever_is_fenced_writes_nothing_more(settings, tmp_path):
    cursors = FileCursors(tmp_path / "cursor")
    async with writing(settings, cursors) as old, writing(settings, cursors) as new:
        await old.claim()
        await write_next(old, cursors)
        await new.claim()
        assert old.claimed
        with pytest.raises(ClaimLostError):
            await write_next(old, cursors)
        assert not old.claimed
        with pytest.raises(ClaimLostError):
            await write_next(old, cursors)
        await write_next(new, cursors)
        assert cursors.newest().written == 2 * SIZE
        assert [job.job_id async for job in committed_jobs(settings)].count(f"{LAUNCH}.0") == 1


@asynccontextmanager
async def foreign_producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """Another program's."""
    foreign = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=settings.topic_prefix + "foreign"
    )
    await foreign.start()
    try:
        yield foreign
    finally:
        await foreign.stop()


async def send_as_marker(settings: KafkaSettings, foreign: AIOKafkaProducer, key: bytes) -> None:
    """Write something to the slot's partition of markers."""
    topic = settings.topic_prefix + LAUNCHES
    partition = SLOT % len(await foreign.partitions_for(topic))
    await foreign.send_and_wait(topic, b"{}", key, partition)


@asynccontextmanager
async def open_transaction(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """A transaction of another program's that has written to the slot's partition of markers."""
    async with foreign_producer(settings) as foreign:
        await foreign.begin_transaction()
        await send_as_marker(settings, foreign, b"foreign")
        yield foreign


async def test_somebody_elses_open_transaction_hides_no_marker(settings, tmp_path):
    cursors = FileCursors(tmp_path / "cursor")
    async with writing(settings, ForgetfulCursors(tmp_path / "nothing")) as first:
        await first.claim()
        async with open_transaction(settings) as foreign:
            await write_next(first, cursors)
            async with writing(settings, cursors) as second:
                claiming = asyncio.create_task(second.claim())
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(claiming), 3)
                assert cursors.newest().written == 0
                await foreign.abort_transaction()
                await claiming
                assert cursors.newest().written == SIZE


async def test_what_another_program_writes_under_a_launchs_key_hides_no_marker(settings, tmp_path):
    cursors = FileCursors(tmp_path / "cursor")
    async with writing(settings, ForgetfulCursors(tmp_path / "nothing")) as first:
        await first.claim()
        await write_next(first, FileCursors(tmp_path / "nothing"))
    async with foreign_producer(settings) as foreign:
        await foreign.begin_transaction()
        await send_as_marker(settings, foreign, LAUNCH.encode())
        await foreign.commit_transaction()
    async with writing(settings, cursors) as second:
        await second.claim()
        assert cursors.newest().written == SIZE


class EarlierCursors(FileCursors):
    """Knows an offset of topics that have been deleted, and made anew since."""

    async def begin(self) -> int:
        return 1_000_000


async def test_an_offset_that_was_kept_of_earlier_topics_hides_no_marker(settings, tmp_path):
    async with writing(settings, ForgetfulCursors(tmp_path / "nothing")) as first:
        await first.claim()
        await write_next(first, FileCursors(tmp_path / "nothing"))
    cursors = EarlierCursors(tmp_path / "cursor")
    async with writing(settings, cursors) as second:
        await second.claim()
        assert cursors.newest().written == SIZE


async def test_of_a_chunk_with_a_record_that_kafka_refuses_nothing_is_written(settings, tmp_path):
    cursors = FileCursors(tmp_path / "cursor")
    too_large = Publication(JOBS, b"large", random.Random(1).randbytes(2 << 20))  # no codec makes it smaller
    async with writing(settings, cursors) as writer:
        await writer.claim()
        records, marker = chunk(cursors.newest(), SIZE, COUNT)
        with pytest.raises(ClaimLostError):
            await writer.write(
                [*records, too_large], Publication(LAUNCHES, LAUNCH.encode(), encode_json(marker))
            )
        await writer.claim()
        assert cursors.newest().written == 0
        assert [job async for job in committed_jobs(settings)] == []
        await write_next(writer, cursors)
    assert cursors.newest().written == SIZE


async def test_kafka_is_killed_while_a_launch_is_written(apache_kafka, tmp_path):
    kafka = await apache_kafka()
    settings = KafkaSettings(kafka_bootstrap_servers=kafka.address, topic_prefix="killed.")
    await create_topics(settings, partitions=4)
    async with LaunchRun(settings, tmp_path, COUNT, SIZE) as run:
        launcher = await run.launcher()
        for _ in range(2):
            await launcher.until_written(3)
            await kafka.brokers[0].restart(kill=True)
        assert await launcher.end() == 0
        verdict = await run.verdict()
    assert verdict.exactly_once, verdict
