"""A database is lost, and an older one restored: what was launched since the backup is not launched again."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from campaigns.demo.customer import AnswerError, Customer
from campaigns.model.ids import Kind, read, read_launch, spell
from campaigns.store.database import connect
from tests.chaos.campaigns.verdict import committed_jobs
from tests.harness.audiences import add_subscribers, subscribers_of
from tests.harness.campaigns_process import CampaignsProcess
from tests.harness.postgresql import Servers, TestDatabases
from tests.harness.upstream import Reader
from tests.harness.waiting import until_seen, until_told
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start
from tests.integration.campaigns.test_run import run
from worker.config import KafkaSettings
from worker.records.topics import EXPIRED, JOBS, URGENT_JOBS

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(400)]

SHOP = "https://shop.example"
CONTENT = {"title": "Hello", "url": f"{SHOP}/"}
SUBSCRIBERS = 40
ALL = "api,launcher,scheduler"
OLDER = "the database is older than what Kafka has"
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
TIME_HAS_COME = "UPDATE campaign SET start_at = '2026-01-01T00:00:00Z' WHERE id = $1"


class Site(NamedTuple):
    """A site and its subscribers, spelled."""

    id: str
    subscribers: list[str]


def name_of(url: str) -> str:
    return unquote(urlsplit(url).path.removeprefix("/"))


async def copy(databases: TestDatabases, url: str) -> str:
    """Copy a database whose service is stopped, and return the URL of the copy."""
    name = name_of(url)
    connection = await connect(databases.url_of("postgres"))
    try:
        await connection.execute(END_SESSIONS, name)
        await connection.execute(f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}" STRATEGY file_copy')
    finally:
        await connection.close()
    return databases.url_of(f"{name}_copy")


class Installation:
    """The service on one database or another, with the same Kafka."""

    def __init__(self, world: World, start: Start, key: str) -> None:
        self._world = world
        self._start = start
        self._key = key
        self.database_url = ""

    def service(self, roles: str) -> CampaignsProcess:
        given = {"DATABASE_URL": self.database_url} if self.database_url else {}
        service = self._start(ROLES=roles, **given)
        service.environment |= {
            "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": self._world.broker,
            "PUSHMILL_TOPIC_PREFIX": self._world.prefix,
        }
        return service

    def customer(self, service: CampaignsProcess) -> Customer:
        return Customer(service.api, self._key)

    async def written(self) -> dict[str, Counter[str]]:
        """Who is in the jobs of each launch, and how often."""
        settings = KafkaSettings(kafka_bootstrap_servers=self._world.broker, topic_prefix=self._world.prefix)
        found: dict[str, Counter[str]] = {}
        for topic in (JOBS, URGENT_JOBS):
            async for job in committed_jobs(settings, topic):
                found.setdefault(job.campaign_id, Counter()).update(each.id for each in job.recipients)
        return found


@pytest.fixture
def installation(world: World, start: Start, key: str) -> Installation:
    return Installation(world, start, key)


@pytest.fixture
async def databases(postgresql_servers: Servers, database_url: str) -> AsyncIterator[TestDatabases]:
    made = postgresql_servers.databases()
    yield made
    await made.drop(f"{name_of(database_url)}_copy")


async def add_site(customer: Customer, database_url: str) -> Site:
    made = await customer.post("/v1/sites", {"url": SHOP})
    number = read(Kind.SITE, made["id"])
    assert number is not None
    connection = await connect(database_url)
    try:
        await add_subscribers(connection, number, SUBSCRIBERS, key=made["vapid_key"])
        ids = await subscribers_of(connection, number)
    finally:
        await connection.close()
    return Site(made["id"], [spell(Kind.SUBSCRIBER, each) for each in ids])


async def make_campaign(customer: Customer, site: Site, **fields: Any) -> str:
    body = {"name": "Sale", "content": CONTENT, "target": {"all": True}, **fields}
    campaign: str = (await customer.post(f"/v1/sites/{site.id}/campaigns", body))["id"]
    await customer.post(f"/v1/campaigns/{campaign}/launch")
    return campaign


async def send(customer: Customer, site: Site, subscribers: list[str]) -> str:
    body = {"content": CONTENT, "target": {"subscribers": subscribers}}
    launch: str = (await customer.post(f"/v1/sites/{site.id}/send", body))["launch"]
    return launch


async def until_written(customer: Customer, path: str, count: int) -> None:
    async def is_written() -> bool:
        return bool((await customer.get(f"{path}/statistics"))["written"] == count)

    await until_told(is_written, f"{count} of {path} are written")


async def status_of(customer: Customer, campaign: str) -> str:
    status: str = (await customer.get(f"/v1/campaigns/{campaign}"))["status"]
    return status


async def let_time_come(database_url: str, campaign: str) -> None:
    connection = await connect(database_url)
    try:
        await connection.execute(TIME_HAS_COME, read(Kind.CAMPAIGN, campaign))
    finally:
        await connection.close()


@asynccontextmanager
async def running(installation: Installation, roles: str) -> AsyncIterator[Customer]:
    """Run the service for a while, and let somebody ask it."""
    service = installation.service(roles)
    await service.start()
    async with installation.customer(service) as customer:
        yield customer
    assert await service.terminate() == 0


class Scene(NamedTuple):
    """What there is when the backup is made: campaigns, and a small send that is not written yet."""

    site: Site
    due: str
    cancelled: str
    waiting: str


async def set_the_scene(installation: Installation, database_url: str) -> Scene:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    async with running(installation, ALL) as customer:
        site = await add_site(customer, database_url)
        early = await make_campaign(customer, site)
        await until_written(customer, f"/v1/campaigns/{early}", SUBSCRIBERS)
        due, cancelled = [await make_campaign(customer, site, start_at=later) for _ in range(2)]
    async with running(installation, "api") as customer:
        return Scene(site, due, cancelled, await send(customer, site, site.subscribers[:20]))


async def let_things_happen(installation: Installation, world: World, scene: Scene) -> str:
    """Launch both campaigns, cancel one, write small sends and erase somebody; return a launch."""
    site = scene.site
    async with running(installation, ALL) as customer:
        await until_written(customer, f"/v1/launches/{scene.waiting}", 20)
        await until_written(customer, f"/v1/campaigns/{scene.due}", SUBSCRIBERS)
        await customer.post(f"/v1/campaigns/{scene.cancelled}/launch")
        await until_written(customer, f"/v1/campaigns/{scene.cancelled}", SUBSCRIBERS)
        await customer.post(f"/v1/campaigns/{scene.cancelled}/cancel")
        urgent = await send(customer, site, site.subscribers[:3])
        await until_written(customer, f"/v1/launches/{urgent}", 3)
        await customer.delete(f"/v1/subscribers/{site.subscribers[-1]}")
        async with Reader(world, EXPIRED) as reader:
            await reader.read(lambda: reader.records, "Kafka knows who was erased")
        launch: str = (await customer.get(f"/v1/campaigns/{scene.due}"))["launches"][0]
    return launch


async def recover(service: CampaignsProcess, since: datetime) -> dict[str, Any]:
    status, said = await run(service.environment, "recover", "--since", since.isoformat(), "--json")
    assert status == 0, said
    entered: dict[str, Any] = json.loads(said.splitlines()[-1])
    return entered


async def test_nothing_is_sent_twice(
    installation: Installation, world: World, database_url: str, databases: TestDatabases
) -> None:
    scene = await set_the_scene(installation, database_url)
    since = datetime.now(UTC)
    backup = await copy(databases, database_url)
    await let_time_come(database_url, scene.due)
    launch = await let_things_happen(installation, world, scene)
    before = await installation.written()
    assert sorted(found.total() for found in before.values()) == [3, 20, *[SUBSCRIBERS] * 3]

    installation.database_url = backup
    await let_time_come(backup, scene.due)
    service = installation.service(ALL)
    await service.start(ready=False)
    await until_seen(lambda: service.log.read_text().count(OLDER) == 2, "launcher and scheduler wait")
    await until_seen(lambda: OLDER in service.get("/readyz")[1], "it is not ready")
    async with installation.customer(service) as customer:
        assert await status_of(customer, scene.due) == "scheduled"
        assert await installation.written() == before
        counts = {"launches": 2, "sends": 0, "controls": 1, "outbox": 1, "erased": 1}
        assert await recover(service, since) == counts | {"left": []}
        await until_seen(lambda: service.status("/readyz") == 200, "everything goes on")
        await until_written(customer, f"/v1/launches/{launch}", SUBSCRIBERS)
        await until_written(customer, f"/v1/launches/{scene.waiting}", 20)
        assert await status_of(customer, scene.due) == "sending"
        assert await status_of(customer, scene.cancelled) == "cancelled"
        await see_that_all_is_well(customer, scene.site, before)
    assert await service.terminate() == 0
    after = await installation.written()
    assert {launch: after[launch] for launch in before} == before
    assert len(after) == len(before) + 2


async def see_that_all_is_well(customer: Customer, site: Site, before: Iterable[str]) -> None:
    """Send again: to all but whoever was erased, and by numbers that nobody had before."""
    with pytest.raises(AnswerError, match="404"):
        await customer.get(f"/v1/subscribers/{site.subscribers[-1]}")
    new = await send(customer, site, site.subscribers[:20])
    await until_written(customer, f"/v1/launches/{new}", 20)
    assert number_of(new) > max(map(number_of, before))
    campaign = await make_campaign(customer, site)
    await until_written(customer, f"/v1/campaigns/{campaign}", SUBSCRIBERS - 1)


def number_of(launch: str) -> int:
    read = read_launch(launch)
    assert read is not None
    return read.number
