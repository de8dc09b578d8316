"""Opt-outs, a pause and a cancellation amid a stretched launch, with the service's real processes.

No worker runs here: what counts is what is written for one, and what it is told.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from campaigns.demo.customer import AnswerError, Customer
from campaigns.model.ids import Kind, read, read_launch, spell
from campaigns.model.secrets import Purpose, parse_secrets
from campaigns.model.tokens import subscriber_token
from campaigns.store.database import Database
from tests.chaos.campaigns.verdict import committed_jobs
from tests.harness.audiences import add_subscribers, subscribers_of
from tests.harness.campaigns_process import SECRET
from tests.harness.upstream import Reader
from tests.harness.waiting import until_told
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start
from worker.config import KafkaSettings
from worker.records.control import CampaignControl, State, decode_control
from worker.records.topics import CONTROL, EXPIRED

SUBSCRIBERS, CHUNK = 12_000, 5_000
BEFORE_THE_SECOND_CHUNK = 30.0
"""Seconds from a launch until its second chunk may be written: a busy machine has to act before."""

STRETCH = (600.0 + BEFORE_THE_SECOND_CHUNK) * SUBSCRIBERS / CHUNK
"""A chunk is written ten minutes before it is due; the third one comes long after this test."""

REACHED = timedelta(seconds=5)
SHOP = "https://shop.example"

pytestmark = pytest.mark.timeout(400)


class Launched(NamedTuple):
    """A campaign of which the first chunk is written."""

    campaign: str
    launch: str


@pytest.fixture
async def customer(world: World, start: Start, key: str) -> AsyncIterator[Customer]:
    """Asks the service, which runs with what launches."""
    service = start(ROLES="api,launcher,scheduler,collector")
    service.environment |= {
        "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": world.broker,
        "PUSHMILL_TOPIC_PREFIX": world.prefix,
    }
    await service.start()
    async with Customer(service.api, key) as asking:
        yield asking
    assert await service.terminate() == 0, service.log.read_text()


@pytest.fixture
async def site(customer: Customer, database: Database) -> int:
    """A site with subscribers whose ids are spread evenly."""
    made = await customer.post("/v1/sites", {"url": SHOP})
    number = read(Kind.SITE, made["id"])
    assert number is not None
    async with database.transaction() as connection:
        await add_subscribers(connection, number, SUBSCRIBERS, key=made["vapid_key"])
    return number


async def launch(customer: Customer, site: int) -> Launched:
    """Launch a campaign to everybody, and wait until its first chunk is written."""
    path = f"/v1/sites/{spell(Kind.SITE, site)}/campaigns"
    content = {"title": "Hello", "url": f"{SHOP}/"}
    asked = {"name": "Sale", "content": content, "target": {"all": True}, "stretch_time": STRETCH}
    campaign = (await customer.post(path, asked))["id"]
    [begun] = (await customer.post(f"/v1/campaigns/{campaign}/launch"))["launches"]
    await until_told(lambda: has_written(customer, begun, CHUNK), "the first chunk is written")
    return Launched(campaign, begun)


async def written(customer: Customer, launch: str) -> int:
    count: int = (await customer.get(f"/v1/launches/{launch}/statistics"))["written"]
    return count


async def has_written(customer: Customer, launch: str, count: int) -> bool:
    return await written(customer, launch) >= count


async def opt_out(customer: Customer, site: int, subscriber: int) -> None:
    """Unsubscribe as a browser does, with its own token."""
    token = subscriber_token(parse_secrets(SECRET).keys(Purpose.SUBSCRIBER_TOKEN).signing, site, subscriber)
    path = f"/v1/sites/{spell(Kind.SITE, site)}/subscribers/unsubscribe"
    await customer.post(path, {"token": token})


async def erase(customer: Customer, subscriber: int) -> None:
    """Erase a subscriber, and see that it is gone."""
    path = f"/v1/subscribers/{spell(Kind.SUBSCRIBER, subscriber)}"
    await customer.get(path)
    await customer.delete(path)
    with pytest.raises(AnswerError, match="404"):
        await customer.get(path)


async def recipients(world: World) -> dict[str, Counter[str]]:
    """Who is in the jobs of each launch, and how often."""
    settings = KafkaSettings(kafka_bootstrap_servers=world.broker, topic_prefix=world.prefix)
    found: dict[str, Counter[str]] = {}
    async for job in committed_jobs(settings):
        found.setdefault(job.campaign_id, Counter()).update(each.id for each in job.recipients)
    return found


async def told(world: World, *, at_least: int) -> list[tuple[CampaignControl, timedelta]]:
    """What the worker has been told so far, and how long after it was wanted each record was in Kafka."""
    async with Reader(world, CONTROL) as reader:
        await reader.read(lambda: len(reader.records) >= at_least, "the worker is told")
    records: list[Any] = reader.records
    controls = [(decode_control(each.value), each.timestamp) for each in records]
    return [(control, datetime.fromtimestamp(at / 1000, UTC) - control.at) for control, at in controls]


async def test_they_reach_everything_that_is_not_written_yet(
    customer: Customer, site: int, world: World, database: Database
) -> None:
    running, paused, cancelled = await asyncio.gather(*(launch(customer, site) for _ in range(3)))
    async with database.connection() as connection:
        everybody = await subscribers_of(connection, site)
    leaving, erased = everybody[CHUNK : CHUNK + 1_000 : 100], everybody[CHUNK + 7]
    for each in (*leaving, everybody[3]):  # the last of these is written already
        await opt_out(customer, site, each)
    await erase(customer, erased)
    await customer.post(f"/v1/campaigns/{paused.campaign}/pause")
    await customer.post(f"/v1/campaigns/{cancelled.campaign}/cancel")
    before = await recipients(world)
    assert {name: found.total() for name, found in before.items()} == dict.fromkeys(
        (running.launch, paused.launch, cancelled.launch), CHUNK
    ), "this machine was too slow to do all that before the second chunk"

    controls = await told(world, at_least=2)
    said = {control.campaign_id: control.state for control, _ in controls}
    assert said == {paused.launch: State.PAUSED, cancelled.launch: State.CANCELLED}
    assert max(after for _, after in controls) < REACHED
    await until_told(lambda: ended_in_time(database, cancelled.launch), "the cancelled one has ended")

    await until_told(lambda: has_written(customer, running.launch, 2 * CHUNK), "the second chunk is written")
    found = await recipients(world)
    gone = {*leaving, erased}
    expected = [number for number in everybody if number not in gone][: 2 * CHUNK]
    assert found[running.launch] == Counter(spell(Kind.SUBSCRIBER, each) for each in expected)
    for each in (paused, cancelled):
        assert found[each.launch] == before[each.launch]

    await customer.post(f"/v1/campaigns/{paused.campaign}/resume")
    await until_told(lambda: has_written(customer, paused.launch, 2 * CHUNK), "it goes on where it was", 120)
    found = await recipients(world)
    assert found[paused.launch] == found[running.launch]
    assert found[cancelled.launch] == before[cancelled.launch]
    shifts = [control.shift for control, _ in await told(world, at_least=3) if control.shift]
    assert len(shifts) == 1
    async with Reader(world, EXPIRED) as reader:
        await reader.read(lambda: reader.records, "Kafka is told whose endpoint to forget")
    key = f"{spell(Kind.SITE, site)}/{spell(Kind.SUBSCRIBER, erased)}"
    assert [(record.key, record.value) for record in reader.records] == [(key.encode(), None)]


async def ended_in_time(database: Database, launch: str) -> bool:
    """Whether a cancelled launch has ended, and soon enough if it has."""
    launch_id = read_launch(launch)
    assert launch_id is not None
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT state, written_at - wanted_at AS after FROM launch WHERE id = $1", launch_id.number
        )
    assert row is not None
    if row["state"] == "writing":
        return False
    assert row["after"] < REACHED
    return True
