"""The whole round, with real processes: subscribed, launched, pushed, counted, clicked, counted again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
import pytest

from campaigns.config import ROLES
from tests.harness.waiting import until_seen, until_told
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription

SHOP = "https://shop.example"
SUBSCRIBERS = 24
GONE = 2
KEY = "shop"

pytestmark = pytest.mark.timeout(300)


class Api:
    """The running service's own API, as a customer with a key uses it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def get(self, path: str) -> Any:
        return await self._answer(self._session.get(self._url + path))

    async def post(self, path: str, body: object = None) -> Any:
        return await self._answer(self._session.post(self._url + path, json=body))

    async def report(self, *events: dict[str, Any]) -> int:
        """Report as a service worker does, without a key and without a preflight."""
        body = msgspec.json.encode({"events": events})
        headers = {"Content-Type": "text/plain;charset=UTF-8"}
        async with aiohttp.request("POST", f"{self._url}/v1/events", data=body, headers=headers) as answer:
            return answer.status

    async def statistics_when(self, path: str, **expected: Any) -> Any:
        """Wait until statistics say this, and return them."""
        seen: dict[str, Any] = {}

        async def agree() -> bool:
            seen.update(await self.get(f"{path}/statistics"))
            return {name: seen[name] for name in expected} == expected

        try:
            await until_told(agree, f"{path}: {expected}")
        except AssertionError as error:
            raise AssertionError(f"{error}; they say {seen}") from None
        return seen

    @staticmethod
    async def _answer(asked: Any) -> Any:
        async with asked as answer:
            assert answer.ok, await answer.text()
            return await answer.json()


@pytest.fixture
async def api(world: World, start: Start, service: SimulatedPushService, key: str) -> AsyncIterator[Api]:
    """The campaign service with all roles, and a worker, on one Kafka."""
    campaigns = start(ROLES=",".join(ROLES), PUBLIC_URL="https://push.example")
    shared = world.environment([service], 0)
    names = ("KAFKA_BOOTSTRAP_SERVERS", "TOPIC_PREFIX", "ENDPOINT_HOSTS", "ALLOW_PRIVATE_ENDPOINTS")
    campaigns.environment |= {f"PUSHMILL_{name}": shared[f"PUSHMILL_{name}"] for name in names}
    await asyncio.gather(campaigns.start(), world.start_worker(service))
    connected = "events can be taken"
    await until_seen(lambda: connected in campaigns.log.read_text(), "Kafka is reached")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        yield Api(campaigns.api, session)
    assert await campaigns.terminate() == 0, campaigns.log.read_text()
    assert '"level": "error"' not in campaigns.log.read_text()


async def add_site(api: Api, world: World) -> tuple[str, str]:
    """Add a site with a key that the worker has; return the site's id and the public key."""
    pem = world.key.to_pem()
    await asyncio.to_thread((world.folder / "vapid" / f"{KEY}.pem").write_bytes, pem)
    site = await api.post("/v1/sites", {"url": SHOP, "vapid_key": KEY, "private_key": pem.decode()})
    return site["id"], site["vapid_public_key"]


async def subscribe(api: Api, site: str, subscriptions: list[Subscription]) -> dict[str, Subscription]:
    """Subscribe browsers, as their pages do; return their subscriptions by id."""
    ids = {}
    for number, subscription in enumerate(subscriptions):
        asked = {
            "subscription": subscription.to_json(),
            "tags": ["even" if number % 2 == 0 else "odd"],
            "attributes": {"name": f"Guest {number}"},
            "language": ("de", "en")[number % 2],
        }
        ids[(await api.post(f"/v1/sites/{site}/subscribers", asked))["id"]] = subscription
    return ids


def received(service: SimulatedPushService, subscription: Subscription) -> list[dict[str, Any]]:
    """What a browser has received, decrypted."""
    taken = [push.plaintext for push in service.pushes(subscription) if push.taken]
    return [msgspec.json.decode(plaintext) for plaintext in taken if plaintext is not None]


def token_of(push: dict[str, Any]) -> str:
    token: str = push["notification"]["data"]["pushmill"]["t"]
    return token


def event(token: str, kind: str, button: int | None = None) -> dict[str, Any]:
    return {"t": token, "kind": kind, "button": button, "at": datetime.now(UTC)}


async def test_a_campaign_from_subscribing_to_the_counted_click(
    api: Api, world: World, service: SimulatedPushService
) -> None:
    site, public_key = await add_site(api, world)
    browsers = service.subscribe(SUBSCRIBERS, vapid_public_key=public_key)
    for browser in browsers[:GONE]:
        service.script(browser, [ScriptedAnswer(410)])
    ids = await subscribe(api, site, browsers)
    button = {"action": "buy", "title": "Buy", "url": f"{SHOP}/buy"}
    content = {"title": "Hello {{name}}", "url": f"{SHOP}/sale", "actions": [button]}
    campaign = await api.post(
        f"/v1/sites/{site}/campaigns",
        {"name": "Sale", "content": content, "target": {"all": True}, "stretch_time": 0},
    )
    path = f"/v1/campaigns/{campaign['id']}"
    launched = await api.post(f"{path}/launch")
    assert (launched["status"], len(launched["launches"])) == ("queued", 1)

    taken = SUBSCRIBERS - GONE
    outcomes = {"attempted": SUBSCRIBERS, "accepted": taken, "refused": GONE, "not_sent": 0, "unknown": 0}
    counted = await api.statistics_when(path, targeted=SUBSCRIBERS, written=SUBSCRIBERS, **outcomes)
    assert counted["by_status"] == {"expired": GONE, "sent": taken}
    assert counted["counted_until"] is not None
    assert [len(received(service, browser)) for browser in browsers] == [0] * GONE + [1] * taken
    first, second = browsers[GONE], browsers[GONE + 1]
    [push] = received(service, first)
    token = token_of(push)
    assert push["notification"]["title"] == f"Hello Guest {GONE}"
    assert push["notification"]["navigate"] == f"{SHOP}/sale?_pm={token}"

    other = token_of(received(service, second)[0])
    assert await api.report(event(token, "shown"), event(token, "clicked"), event(token, "clicked")) == 204
    assert await api.report(event(other, "shown"), event(other, "clicked", 0)) == 204
    forged = other[:-16] + "A" * 16
    assert await api.report(event(forged, "dismissed")) == 204  # but counted nowhere
    engaged = {
        "shown": {"first": 2, "total": 2},
        "clicks": {"first": 1, "total": 2},
        "button_0": {"first": 1, "total": 1},
        "dismissed": {"first": 0, "total": 0},
    }
    await api.statistics_when(path, **outcomes, **engaged)
    await api.statistics_when(f"/v1/launches/{launched['launches'][0]}", **outcomes, **engaged)

    async def is_done() -> bool:
        return bool((await api.get(path))["status"] == "done")

    await until_told(is_done, "the campaign is done")
    statuses = {(await api.get(f"/v1/subscribers/{one}"))["status"] for one in [*ids][:GONE]}
    assert statuses == {"expired"}
    left = await api.get(f"/v1/sites/{site}/subscribers?status=active&limit=100")
    assert {each["id"] for each in left["data"]} == {*[*ids][GONE:]}


async def test_a_small_send_reaches_whom_it_names(
    api: Api, world: World, service: SimulatedPushService
) -> None:
    site, public_key = await add_site(api, world)
    ids = await subscribe(api, site, service.subscribe(3, vapid_public_key=public_key))
    named = [*ids][:2]
    sent = await api.post(
        f"/v1/sites/{site}/send",
        {"content": {"title": "Hello", "url": f"{SHOP}/"}, "target": {"subscribers": named}},
    )
    assert sent["targeted"] == 2
    await api.statistics_when(f"/v1/launches/{sent['launch']}", targeted=2, written=2, accepted=2)
    assert [len(received(service, browser)) for browser in ids.values()] == [1, 1, 0]
