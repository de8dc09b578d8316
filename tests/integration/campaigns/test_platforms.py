"""A campaign of each platform goes round: made by its calls, pushed by a real worker, told by its statistics.

The programs below call as the platforms' clients do. One world serves all five.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from campaigns.config import ROLES
from campaigns.model.credential import ONE_SITE, CredentialKind
from campaigns.model.ids import Kind
from campaigns.model.platforms import platform_spelling
from campaigns.store.database import Database
from crypto.vapid import generate_vapid_key
from tests.harness.campaigns_process import CampaignsProcess, campaigns_environment
from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.postgresql import Servers
from tests.harness.waiting import GENEROUS, until, until_seen, until_told
from tests.harness.worker_process import free_port
from tests.harness.world import World
from tests.integration.campaigns.conftest import make_key
from worker.demo import broker
from worker.demo.broker import EmbeddedBroker
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription

SHOP = "https://shop.example"
SUBSCRIBERS, GONE, SHOWN, CLICKED = 20, 2, 3, 2
TAKEN = SUBSCRIBERS - GONE
TEXT = "Ends today"
FORM = "application/x-www-form-urlencoded"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("platforms"),
]

Ask = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Program:
    """A customer's program: what it has been given, and how it asks.

    Attributes:
        session: Of the service's own host.
        site: What the platform calls the customer's site.
        credential: Of the platform.
        own: The key of the same account, for what a platform has no call for.
        title: What is to be shown.
    """

    session: aiohttp.ClientSession
    site: str
    credential: str
    own: str
    title: str

    async def ask(
        self, method: str, path: str, body: object = None, *, authorization: str = "", form: str = ""
    ) -> Any:
        headers = {"Authorization": authorization} if authorization else {}
        if form:
            headers["Content-Type"] = FORM
        how: dict[str, Any] = {"data": form} if form else {"json": body}
        async with self.session.request(method, path, headers=headers, **how) as answer:
            assert answer.status in {200, 201}, (method, path, answer.status, await answer.text())
            return await answer.json()


# ── the programs: each sends a campaign to everyone, and returns how its statistics are asked for ───────────


async def pushpilot(program: Program) -> Ask:
    """It has no call for statistics, so these are our own API's."""
    key = f"Bearer {program.credential}"
    notification = {"title": program.title, "body": TEXT, "url": f"{SHOP}/sale"}
    body = {"websiteId": program.site, "name": "Sale", "notification": notification}
    made = await program.ask("POST", "/pushpilot/campaigns", body, authorization=key)
    number = made["data"]["campaign"]["id"]
    path = f"/pushpilot/campaigns/{number}"
    assert made["data"]["campaign"]["type"] == "draft"
    launched = await program.ask("POST", f"{path}/launch", authorization=key)
    assert launched["data"]["campaign"]["type"] == "standard"
    own, theirs = f"Bearer {program.own}", f"/v1/campaigns/camp_{number}/statistics"
    return lambda: program.ask("GET", theirs, authorization=own)


async def pushary(program: Program) -> Ask:
    key = f"Bearer {program.credential}"
    body = {"name": "Sale", "title": program.title, "body": TEXT, "actionUrl": f"{SHOP}/sale"}
    made = await program.ask("POST", "/api/v1/server/campaigns", body, authorization=key)
    path = f"/api/v1/server/campaigns/{made['id']}"
    sent = await program.ask("POST", f"{path}/send", authorization=key)
    assert (made["status"], sent["status"]) == ("draft", "sending")
    return lambda: program.ask("GET", f"{path}/stats", authorization=key)


async def pushwoosh(program: Program) -> Ask:
    async def done(method: str, **request: Any) -> Any:
        body = {"request": {"auth": program.credential, **request}}
        answer = await program.ask("POST", f"/json/1.3/{method}", body)
        assert (answer["status_code"], answer["status_message"]) == (200, "OK"), answer
        return answer["response"]

    message = {"send_date": "now", "title": program.title, "content": TEXT, "link": f"{SHOP}/sale"}
    made = await done("createMessage", application=program.site, notifications=[message])
    [code] = made["Messages"]

    async def results() -> Any:
        asked = await done("getMsgStats", message=code)
        return (await done("getResults", **asked))["conversion"]

    return results


async def truepush(program: Program) -> Ask:
    key = program.credential
    body = {"title": program.title, "message": TEXT, "link": f"{SHOP}/sale", "scheduled": False}
    made = await program.ask("POST", "/api/v1/createCampaign", body, authorization=key)
    number = made["message"].rpartition("id:")[2]

    async def stats() -> Any:
        told = await program.ask("GET", f"/api/v1/campaignStats/{number}", authorization=key)
        assert (told["status_code"], told["status"]) == (200, "SUCCESS"), told
        return told["data"]

    return stats


async def sendpulse(program: Program) -> Ask:
    """As its client for PHP: forms, and a token first."""
    name, _, secret = program.credential.partition(":")
    login = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
    logged_in = await program.ask("POST", "/oauth/access_token", form=urlencode(login))
    token = f"Bearer {logged_in['access_token']}"
    task = {"title": program.title, "body": TEXT, "link": f"{SHOP}/sale", "website_id": program.site}
    form = urlencode({**task, "ttl": 60, "stretch_time": 0})
    made = await program.ask("POST", "/push/tasks", authorization=token, form=form)
    return lambda: program.ask("GET", f"/push/tasks/{made['id']}", authorization=token)


def engaged(first: int) -> dict[str, int]:
    return {"first": first, "total": first}


class Round(NamedTuple):
    """A program, and what its statistics say at the end."""

    send: Callable[[Program], Awaitable[Ask]]
    told: Mapping[str, Any]


ROUNDS = {
    CredentialKind.PUSHPILOT: Round(
        pushpilot,
        {
            "targeted": SUBSCRIBERS,
            "written": SUBSCRIBERS,
            "accepted": TAKEN,
            "refused": GONE,
            "shown": engaged(SHOWN),
            "clicks": engaged(CLICKED),
        },
    ),
    CredentialKind.PUSHARY: Round(
        pushary,
        {
            "totalSent": SUBSCRIBERS,
            "totalDelivered": TAKEN,
            "totalFailed": GONE,
            "totalClicked": CLICKED,
            "deliveryRate": 90.0,
            "clickRate": 11.11,
        },
    ),
    CredentialKind.PUSHWOOSH: Round(
        pushwoosh, {"send": TAKEN, "delivery": SHOWN, "open": CLICKED, "events": []}
    ),
    CredentialKind.TRUEPUSH: Round(
        truepush,
        {
            "Reach": SUBSCRIBERS,
            "Sent": SUBSCRIBERS,
            "Delivered": TAKEN,
            "Views": SHOWN,
            "Clicks": CLICKED,
            "Button0": 0,
            "Button1": 0,
            "Unsubscribers": 0,
        },
    ),
    CredentialKind.SENDPULSE: Round(
        sendpulse, {"status": 3, "send": str(SUBSCRIBERS), "delivered": TAKEN, "redirect": CLICKED}
    ),
}


# ── the world around them ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Running:
    """The campaign service with all roles, a worker and a push service, on one Kafka."""

    world: World
    service: SimulatedPushService
    session: aiohttp.ClientSession
    key: str

    async def post(self, path: str, body: object, **headers: str) -> Any:
        """Ask the own API, as whoever runs the service."""
        headers = {"Authorization": f"Bearer {self.key}", **headers}
        async with self.session.post(path, json=body, headers=headers) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    async def customer(self, kind: CredentialKind) -> tuple[Program, list[Subscription]]:
        """Add a site with subscribers, some of whom are gone, and a program with a platform's credential."""
        pem = generate_vapid_key().to_pem()
        await asyncio.to_thread((self.world.folder / "vapid" / f"{kind}.pem").write_bytes, pem)
        asked = {"url": SHOP, "vapid_key": str(kind), "private_key": pem.decode()}
        site = await self.post("/v1/sites", asked)
        browsers = self.service.subscribe(SUBSCRIBERS, vapid_public_key=site["vapid_public_key"])
        for number, browser in enumerate(browsers, start=1):
            path, body = f"/v1/sites/{site['id']}/subscribers", {"subscription": browser.to_json()}
            await self.post(path, body, **{"X-Forwarded-For": f"192.0.2.{number}"})  # or they are too many
        for browser in browsers[:GONE]:
            self.service.script(browser, [ScriptedAnswer(410)])
        only = {"site": site["id"]} if kind in ONE_SITE else {}
        issued = await self.post("/v1/credentials", {"kind": kind, "scopes": ["read", "send"], **only})
        spelled = platform_spelling(kind, Kind.SITE, int(site["id"].removeprefix("site_")))
        return Program(self.session, spelled, issued["secret"], self.key, f"Sale by {kind}"), browsers

    async def report(self, *events: dict[str, Any]) -> None:
        """Report as service workers do."""
        body, headers = msgspec.json.encode({"events": events}), {"Content-Type": "text/plain"}
        async with self.session.post("/v1/events", data=body, headers=headers) as answer:
            assert answer.status == 204, await answer.text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    postgresql_servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """All that the programs share, once for all of them."""
    folder = tmp_path_factory.mktemp("platforms")
    databases = postgresql_servers.databases()
    async with AsyncExitStack() as stack:
        name = await databases.create()
        stack.push_async_callback(databases.drop, name)
        async with Database(databases.url_of(name)) as database:
            key = await make_key(database)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(broker, "START_SECONDS", GENEROUS)
        embedded = await stack.enter_async_context(EmbeddedBroker(free_port()))
        kafka = await stack.enter_async_context(KafkaProxy(embedded.address))
        world = await stack.enter_async_context(World(kafka.address, folder))
        service = await stack.enter_async_context(world.push_service())
        campaigns = CampaignsProcess(
            _environment(databases.url_of(name), world, service), folder / "campaigns.log"
        )
        stack.push_async_callback(campaigns.kill)
        await asyncio.gather(campaigns.start(), world.start_worker(service))
        await until_seen(lambda: "events can be taken" in campaigns.log.read_text(), "Kafka is reached")
        session = await stack.enter_async_context(aiohttp.ClientSession(campaigns.api))
        yield Running(world, service, session, key)
        assert await campaigns.terminate() == 0, campaigns.log.read_text()
        assert '"level": "error"' not in campaigns.log.read_text()


def _environment(database_url: str, world: World, service: SimulatedPushService) -> dict[str, str]:
    own = campaigns_environment(
        database_url,
        ROLES=",".join(ROLES),
        PUBLIC_URL="https://push.example",
        TRUSTED_PROXIES="127.0.0.1",
    )
    shared = world.environment([service], 0)
    names = ("KAFKA_BOOTSTRAP_SERVERS", "TOPIC_PREFIX", "ENDPOINT_HOSTS", "ALLOW_PRIVATE_ENDPOINTS")
    return own | {f"PUSHMILL_{name}": shared[f"PUSHMILL_{name}"] for name in names}


# ── what is tried ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ROUNDS)
async def test_a_campaign_of_a_platform_goes_round(running: Running, kind: CredentialKind) -> None:
    program, browsers = await running.customer(kind)
    before = sum(1 for _ in running.service.all_pushes())
    ask = await ROUNDS[kind].send(program)
    await until(partial(everybody_was_asked, running.service, browsers), "everybody's push service was asked")
    received = [notification for browser in browsers for notification in shown(running.service, browser)]
    assert [(each["title"], each["body"]) for each in received] == [(program.title, TEXT)] * TAKEN
    tokens = [each["data"]["pushmill"]["t"] for each in received]
    await running.report(
        *(event(token, "shown") for token in tokens[:SHOWN]),
        *(event(token, "clicked") for token in tokens[:CLICKED]),
    )
    await until_they_say(ask, ROUNDS[kind].told)
    assert [len(running.service.pushes(browser)) for browser in browsers] == [1] * SUBSCRIBERS
    assert sum(1 for _ in running.service.all_pushes()) - before == SUBSCRIBERS  # no other customer's


def everybody_was_asked(service: SimulatedPushService, browsers: list[Subscription]) -> bool:
    return all(service.pushes(browser) for browser in browsers)


def shown(service: SimulatedPushService, browser: Subscription) -> list[dict[str, Any]]:
    """The notifications that a browser has received, decrypted."""
    taken = [push.plaintext for push in service.pushes(browser) if push.taken]
    return [msgspec.json.decode(text)["notification"] for text in taken if text is not None]


def event(token: str, kind: str) -> dict[str, Any]:
    return {"t": token, "kind": kind, "button": None, "at": datetime.now(UTC)}


async def until_they_say(ask: Ask, expected: Mapping[str, Any]) -> None:
    """Wait until a platform's statistics say this."""
    said: dict[str, Any] = {}

    async def agree() -> bool:
        said.update(await ask())
        return {name: said[name] for name in expected} == expected

    try:
        await until_told(agree, f"statistics: {expected}")
    except AssertionError as error:
        raise AssertionError(f"{error}; they say {said}") from None
