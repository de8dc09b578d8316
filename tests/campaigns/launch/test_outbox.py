"""A relay's urgent sends, on PostgreSQL and a Kafka that does as the test says."""

import msgspec
import pytest

from campaigns.launch.outbox import SlotRelay
from campaigns.launch.service import Service
from campaigns.model.secrets import Purpose, parse_secrets
from tests.harness.audiences import add_launch, add_site, add_subscribers, add_to_outbox, subscribers_of
from worker.config import KafkaSettings
from worker.edges.kafka.client import KafkaStuckError
from worker.records.job import SendJob

SLOT, LAUNCH = 3, 19
KEY = parse_secrets("s" * 32).keys(Purpose.RECIPIENT_TOKEN).signing


class Kafka:
    """Takes urgent jobs; with `lost`, whoever writes them does not hear of it."""

    def __init__(self, *, lost: bool = False) -> None:
        self.jobs: dict[str, list[str]] = {}
        self._lost = lost

    async def publish(self, publications) -> None:
        for each in publications:
            job = msgspec.json.decode(each.value, type=SendJob)
            assert job.job_id not in self.jobs
            self.jobs[job.job_id] = [recipient.id for recipient in job.recipients]
        if self._lost:
            raise KafkaStuckError("the test wants it so")


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        yield lent


@pytest.fixture
async def subscribers(connection):
    """Five subscribers, to whom something urgent is to be sent."""
    site = await add_site(connection)
    await add_subscribers(connection, site, 5)
    numbers = await subscribers_of(connection, site)
    await add_launch(connection, site, number=LAUNCH, state="written")
    await add_to_outbox(connection, LAUNCH, numbers, urgent=True)
    return numbers


async def step(database, kafka) -> bool:
    """Let a relay that has just started write what waits."""
    settings = KafkaSettings(kafka_bootstrap_servers="127.0.0.1:9", topic_prefix="none.")
    return await SlotRelay(Service(database, settings, "https://push.example", KEY), SLOT, kafka).step()


async def written(connection):
    return await connection.fetchval("SELECT written FROM launch")


async def test_an_urgent_send_is_written_and_counted_once(database, connection, subscribers):
    kafka = Kafka()
    assert await step(database, kafka)
    assert not await step(database, kafka)
    assert [*kafka.jobs.values()] == [[f"sub_{number}"] for number in subscribers]
    assert await written(connection) == 5


async def test_what_is_written_again_is_the_same_jobs_although_somebody_has_left(
    database, connection, subscribers
):
    first, second = Kafka(lost=True), Kafka()
    with pytest.raises(KafkaStuckError):
        await step(database, first)
    assert await written(connection) == 0
    await connection.execute("UPDATE subscriber SET status = 'unsubscribed' WHERE id = $1", subscribers[0])
    assert await step(database, second)
    assert len(first.jobs) == 5
    gone = f"sub_{subscribers[0]}"
    assert second.jobs == {job: ids for job, ids in first.jobs.items() if ids != [gone]}
    assert await written(connection) == 4


async def test_what_is_sent_later_has_other_jobs(database, connection, subscribers):
    first, second = Kafka(), Kafka()
    await step(database, first)
    await add_to_outbox(connection, LAUNCH, subscribers, urgent=True)
    await step(database, second)
    assert not first.jobs.keys() & second.jobs.keys()
    assert await written(connection) == 10
