"""What is forged, foreign or too much: refused or limited, counted, and nobody else waits for it."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import Any

import aiohttp
import msgspec
import pytest

from campaigns.api.holding import HELD_SECONDS
from campaigns.api.limits import OPEN
from campaigns.model.secrets import Purpose, parse_secrets
from campaigns.model.tokens import subscriber_token
from tests.campaigns.adapters.own.support import HELLO, SHOP, subscription
from tests.harness.campaigns_process import SECRET, CampaignsProcess
from tests.harness.upstream import Reader
from tests.harness.waiting import until_seen
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start
from tests.integration.campaigns.test_events import push, report
from worker.records.topics import EVENTS

CONNECTIONS = 10
FLOOD_SECONDS = 3.0
TURNS = 3
READS = 40
LIMITED = "pushmill_campaigns_rate_limited_total"
REQUESTS = "pushmill_campaigns_http_requests_total"
FOREIGN = "pushmill_campaigns_foreign_total"

pytestmark = pytest.mark.timeout(300)


@dataclass
class Shop:
    """A running service, a site of it, and a session with a key."""

    service: CampaignsProcess
    session: aiohttp.ClientSession
    site: str

    async def post(self, path: str, body: object, *, key: bool = True) -> tuple[int, Any]:
        session = self.session if key else aiohttp.ClientSession(self.service.api)
        try:
            async with session.post(path, json=body) as answer:
                return answer.status, await answer.json() if answer.status != 204 else None
        finally:
            if not key:
                await session.close()

    async def subscribe(self, name: str, **more: object) -> dict[str, str]:
        body = {"subscription": subscription(name), **more}
        status, made = await self.post(f"/v1/sites/{self.site}/subscribers", body, key=False)
        assert status == 201, made
        return dict(made)

    async def status_of(self, subscriber: str) -> str:
        async with self.session.get(f"/v1/subscribers/{subscriber}") as answer:
            return str((await answer.json())["status"])

    async def add_site(self) -> str:
        status, made = await self.post("/v1/sites", {"url": SHOP})
        assert status == 201, made
        return str(made["id"])


@pytest.fixture
async def shop(world: World, start: Start, key: str) -> AsyncIterator[Shop]:
    service = start()
    service.environment |= {
        "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": world.broker,
        "PUSHMILL_TOPIC_PREFIX": world.prefix,
    }
    await service.start()
    connected = "events can be taken"
    await until_seen(lambda: connected in service.log.read_text(), "Kafka is reached")
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(service.api, headers=headers) as session:
        made = Shop(service, session, "")
        made.site = await made.add_site()
        yield made
    assert await service.terminate() == 0


async def flood(url: str, body: Callable[[], bytes], media_type: str, seconds: float) -> Counter[int]:
    """Post again and again on some connections, each as soon as it is answered; return what was answered."""
    answered, until = Counter[int](), time.monotonic() + seconds

    async def ask(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < until:
            async with session.post(url, data=body(), headers={"Content-Type": media_type}) as answer:
                answered[answer.status] += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        await asyncio.gather(*(ask(session) for _ in range(CONNECTIONS)))
    return answered


async def read(shop: Shop, subscriber: str) -> float:
    """Read a subscriber a few times; return the median of how long it took."""
    took = []
    for _ in range(READS):
        began = time.perf_counter()
        assert await shop.status_of(subscriber) == "active"
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)
    return median(took)


def check(shop: Shop, answered: Counter[int], limit: str, right: int) -> None:
    """Check that no more than the limit got through, and that the others waited, and were counted."""
    assert {*answered} == {right, 429}
    assert answered[right] <= 2 * OPEN[limit].amount  # a minute may end meanwhile
    waits = TURNS * (FLOOD_SECONDS / HELD_SECONDS + 1)
    assert answered[429] <= CONNECTIONS * waits
    assert shop.service.metric(LIMITED, adapter="own") == answered[429]


async def test_subscribes_from_one_address_are_limited_and_nobody_else_waits_for_them(shop: Shop):
    one = (await shop.subscribe("one"))["id"]
    url = f"{shop.service.api}/v1/sites/{shop.site}/subscribers"
    keys, numbers = subscription(), count()
    answered, slower = Counter[int](), []

    def body() -> bytes:
        endpoint = f"https://fcm.googleapis.com/fcm/send/{next(numbers)}"
        return msgspec.json.encode({"subscription": {**keys, "endpoint": endpoint}})

    for _ in range(TURNS):
        alone = await read(shop, one)
        flooding = asyncio.create_task(flood(url, body, "application/json", FLOOD_SECONDS))
        beside = await read(shop, one)
        answered += await flooding
        slower.append(beside / alone)
    check(shop, answered, "subscribe", 201)
    assert min(slower) <= 2, slower
    async with shop.session.get(f"/v1/sites/{shop.site}/subscribers?limit=500") as answer:
        assert len((await answer.json())["data"]) == 1 + answered[201]


async def test_a_flood_of_reports_is_limited_and_forged_ones_are_counted_and_left_out(
    shop: Shop, world: World, key: str
):
    one = (await shop.subscribe("one"))["id"]
    token = await push(shop.session, shop.service.api, key)
    right, forged = report(token), report(token[:-16] + "A" * 16)
    sent, numbers = Counter[str](), count()

    def body() -> bytes:
        kind = "forged" if next(numbers) % 10 == 0 else "right"
        sent[kind] += 1
        return bytes((forged if kind == "forged" else right)["data"])

    answered, slower = Counter[int](), []
    for _ in range(TURNS):
        alone = await read(shop, one)
        flooding = asyncio.create_task(
            flood(f"{shop.service.api}/v1/events", body, "text/plain;charset=UTF-8", FLOOD_SECONDS)
        )
        beside = await read(shop, one)
        answered += await flooding
        slower.append(beside / alone)
    check(shop, answered, "events", 204)
    assert min(slower) <= 2, slower
    left_out = shop.service.metric(FOREIGN, topic=EVENTS)
    assert 0 < left_out <= sent["forged"]
    taken = answered[204] - int(left_out)
    async with Reader(world, EVENTS) as reader:
        await reader.read(lambda: len(reader.records) >= taken, "what was taken is in Kafka")
        await reader.drain()
    assert len(reader.records) == taken


async def test_another_sites_token_proves_nothing(shop: Shop):
    other = await shop.add_site()
    one = await shop.subscribe("one")
    number = int(one["id"].removeprefix("sub_"))
    signing = parse_secrets(SECRET).keys(Purpose.SUBSCRIBER_TOKEN).signing
    foreign = subscriber_token(signing, int(other.removeprefix("site_")), number)
    for site, token in ((shop.site, foreign), (other, one["token"]), (other, foreign)):
        path = f"/v1/sites/{site}/subscribers/unsubscribe"
        assert (await shop.post(path, {"token": token}, key=False))[0] == 404
    again = await shop.subscribe("two", token=foreign)
    assert again["id"] != one["id"]
    assert await shop.status_of(one["id"]) == "active"
    route = "/v1/sites/{site}/subscribers/unsubscribe"
    assert shop.service.metric(REQUESTS, route=route, code="404") == 3


PRIVATE = (
    *("https://127.0.0.1/push", "https://[::1]/push", "https://10.0.0.1/push", "https://localhost/push"),
    *("https://169.254.169.254/latest", "https://push.internal/x", "http://fcm.googleapis.com/fcm/send/x"),
    "https://fcm.googleapis.com@evil.example/x",
)


async def test_private_and_unknown_endpoints_are_refused(shop: Shop):
    for endpoint in PRIVATE:
        body = {"subscription": {**subscription(), "endpoint": endpoint}}
        status, said = await shop.post(f"/v1/sites/{shop.site}/subscribers", body, key=False)
        assert (endpoint, status) == (endpoint, 400)
        assert endpoint not in str(said)
    route = "/v1/sites/{site}/subscribers"
    assert shop.service.metric(REQUESTS, route=route, code="400") == len(PRIVATE)


FOREIGN_URLS = (
    *(("javascript:alert(1)", "page"), ("javascript:alert(1)", "redirect"), ("data:text/html,x", "redirect")),
    *(("https://evil.example/", "redirect"), ("https://shop.example.evil.example/", "redirect")),
    *(("https://shop.example@evil.example/", "redirect"), ("https://{{host}}/", "redirect")),
    ("//evil.example/", "redirect"),
)


async def test_scripts_and_foreign_redirects_are_refused(shop: Shop):
    await shop.subscribe("one")
    for url, track_clicks in FOREIGN_URLS:
        body = {"content": {**HELLO, "url": url}, "target": {"all": True}, "track_clicks": track_clicks}
        status, said = await shop.post(f"/v1/sites/{shop.site}/send", body)
        assert (url, status, said["errors"][0]["field"]) == (url, 400, "content.url")
    assert shop.service.metric(REQUESTS, route="/v1/sites/{site}/send", code="400") == len(FOREIGN_URLS)
