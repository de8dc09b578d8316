"""Pushwoosh's Web SDK in a real Chromium, as npm has it: from its first visit to the counted click.

The service, the worker and Kafka are real, the push service is simulated. What it decrypts is given to the
SDK's service worker.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from campaigns.adapters.pushwoosh.device_routes import DEVICE_ROUTES
from campaigns.config import ROLES
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind, read
from campaigns.model.platforms import platform_spelling
from tests.campaigns.sdk.world import served
from tests.harness.browsers.chromium import Chromium, Page
from tests.harness.browsers.desktop import Desktop
from tests.harness.campaigns_process import CampaignsProcess
from tests.harness.npm import NpmError, Package
from tests.harness.requirements import forgo, require
from tests.harness.waiting import until, until_seen, until_told
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription

SDK = Package(
    "web-push-notifications",
    "3.55.0",
    "ryVbbi0hmHhEz4K7jLKBgN3cbExdd3iuPhVA89uTnrCbq4PRQcGiXzxzluIb6x8LEX/R6Bl0dtUp/uKmIUCy+w==",
)
PUSH_MANAGER = (Path(__file__).parent / "given_push_manager.js").read_text()
PUSHWOOSH = CredentialKind.PUSHWOOSH
VAPID_KEY = "shop"
LINK = "https://localhost:9/sale?size=9&lt;=2"
"""Where nobody listens. What looks like an entity of HTML must not be undone."""
DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
OF_DEVICES = {route.path for route in DEVICE_ROUTES}
FIRST_VISIT = [
    *("getConfig", "applicationOpen", "setTags", "unregisterDevice", "checkDevice", "checkDevice"),
    *("registerDevice", "getInboxMessages"),
]
"""What the SDK asks at a first visit: it unsubscribes before it subscribes."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def sdk() -> dict[str, bytes]:
    """The files of the SDK's package."""
    require("chromium")
    try:
        return SDK.files()
    except NpmError as error:
        forgo("node", str(error))


FILES = {"/npm.js": "npm.js", "/pushwoosh-service-worker.js": "service-worker.js"}
"""Where a site has the SDK's files: the worker's is the SDK's default."""


class Shop:
    """A customer's site, set up as the SDK's README says; only `pushwooshUrl` is another.

    Its pages may connect to nobody but the service: the SDK would report failures of its worker to its maker.
    """

    def __init__(self, files: dict[str, bytes], api: str) -> None:
        self.url = self.application = ""
        self._files = files
        self._api = api
        self.site = web.Application()
        self.site.add_routes([web.get(path, self._script) for path in FILES])
        self.site.add_routes([web.get("/", self._page)])

    @property
    def _headers(self) -> dict[str, str]:
        return {"Content-Security-Policy": f"connect-src 'self' {self._api}"}

    async def _script(self, request: web.Request) -> web.Response:
        body = self._files[FILES[request.path]]
        return web.Response(body=body, content_type="text/javascript", headers=self._headers)

    async def _page(self, _: web.Request) -> web.Response:
        options = {
            "applicationCode": self.application,
            "pushwooshUrl": f"{self._api}/json/1.3/",
            "unifiedPlatform": True,
            "tags": {"Name": "Ada"},
            "defaultNotificationImage": DOT,  # or it would be looked for at the SDK's maker
        }
        html = f"""<!doctype html><html lang=en><head><title>Shop</title><script src="/npm.js"></script>
            <script>
              const pushwoosh = new Pushwoosh();
              pushwoosh.push(["init", {json.dumps(options)}]);
            </script></head><body>A shop.</body></html>"""
        return web.Response(text=html, content_type="text/html", headers=self._headers)


class Customer:
    """A customer's server: with a key of the own API, and then with one of Pushwoosh's.

    Attributes:
        site: What the service says of the shop's site.
    """

    site: dict[str, Any]

    def __init__(self, session: aiohttp.ClientSession, api: str) -> None:
        self._session = session
        self._api = api
        self._token = ""

    async def own(self, method: str, path: str, body: object = None) -> Any:
        async with self._session.request(method, self._api + path, json=body) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    async def add_site(self, url: str, world: World) -> str:
        """Add a site with a key that the worker has, and make a token of Pushwoosh's API.

        Returns:
            The code of its application.
        """
        pem = world.key.to_pem()
        await asyncio.to_thread((world.folder / "vapid" / f"{VAPID_KEY}.pem").write_bytes, pem)
        draft = {"url": url, "vapid_key": VAPID_KEY, "private_key": pem.decode()}
        self.site = await self.own("POST", "/v1/sites", draft)
        credential = {"kind": PUSHWOOSH, "scopes": ["admin"]}
        self._token = (await self.own("POST", "/v1/credentials", credential))["secret"]
        number = read(Kind.SITE, self.site["id"])
        assert number is not None
        return platform_spelling(PUSHWOOSH, Kind.SITE, number)

    async def subscriber(self) -> dict[str, Any]:
        """Return the only one."""
        known: list[dict[str, Any]] = (await self.own("GET", f"/v1/sites/{self.site['id']}/subscribers"))[
            "data"
        ]
        [one] = known
        return one

    async def call(self, method: str, **request: Any) -> Any:
        """Call Pushwoosh's API; return the response."""
        body = {"request": {"auth": self._token, **request}}
        async with aiohttp.request("POST", f"{self._api}/json/1.3/{method}", json=body) as asked:
            answer = await asked.json()
        assert (asked.status, answer["status_code"]) == (200, 200), answer
        return answer["response"]

    async def create_message(self, application: str, **message: Any) -> str:
        """Send a message to everybody now; return its code."""
        notifications = [{"send_date": "now", **message}]
        created = await self.call("createMessage", application=application, notifications=notifications)
        [code] = created["Messages"]
        return str(code)

    async def until_counted(self, message: str, **expected: int) -> None:
        """Wait until the statistics of a message say this."""
        seen: dict[str, int] = {}

        async def agree() -> bool:
            asked = await self.call("getMsgStats", message=message)
            rows = (await self.call("getResults", **asked))["rows"]
            seen.clear()
            seen.update({row["action"]: row["count"] for row in rows})
            return {action: count for action, count in seen.items() if count} == expected

        try:
            await until_told(agree, f"{expected} are counted")
        except AssertionError as error:
            raise AssertionError(f"{error}; counted are {seen}") from None


@pytest.fixture
async def running(
    world: World, start: Start, service: SimulatedPushService
) -> AsyncIterator[CampaignsProcess]:
    """The campaign service with all roles, and a worker, on one Kafka."""
    campaigns = start(ROLES=",".join(ROLES), PUBLIC_URL="https://push.example")
    shared = world.environment([service], 0)
    names = ("KAFKA_BOOTSTRAP_SERVERS", "TOPIC_PREFIX", "ENDPOINT_HOSTS", "ALLOW_PRIVATE_ENDPOINTS")
    campaigns.environment |= {f"PUSHMILL_{name}": shared[f"PUSHMILL_{name}"] for name in names}
    await asyncio.gather(campaigns.start(), world.start_worker(service))
    connected = "events can be taken"
    await until_seen(lambda: connected in campaigns.log.read_text(), "Kafka is reached")
    yield campaigns
    assert await campaigns.terminate() == 0, campaigns.log.read_text()
    assert '"level": "error"' not in campaigns.log.read_text()


@pytest.fixture
async def shop(sdk: dict[str, bytes], running: CampaignsProcess) -> AsyncIterator[Shop]:
    shop = Shop(sdk, running.api)
    async with served(shop.site, "localhost") as shop.url:
        yield shop


@pytest.fixture
async def customer(running: CampaignsProcess, world: World, key: str, shop: Shop) -> AsyncIterator[Customer]:
    """The owner of the shop."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        customer = Customer(session, running.api)
        shop.application = await customer.add_site(shop.url, world)
        yield customer


def push_manager(subscription: Subscription, key: str) -> str:
    """A script to run before those of a page."""
    given = json.dumps(subscription.to_json())
    return PUSH_MANAGER.replace("= GIVEN;", f"= {given};").replace("(KEY)", f"({json.dumps(key)})")


def answered(running: CampaignsProcess) -> list[str]:
    """The calls of the SDK so far, in order; each must have been answered with 200."""
    lines = map(json.loads, running.log.read_text().splitlines())
    asked = [line for line in lines if line["event"] == "request" and line["route"] in OF_DEVICES]
    assert {line["status"] for line in asked} <= {200}, asked
    return [line["route"].rpartition("/")[2] for line in asked]


async def visited(page: Page) -> None:
    """Wait until the SDK has got its configuration, and has looked whether it must subscribe."""
    await until_told(lambda: page.run("pushwoosh.ready"), "the SDK is ready")
    assert await page.run("pushwoosh.isSubscribed()") is True


async def test_from_the_first_visit_to_the_counted_click(
    running: CampaignsProcess, shop: Shop, customer: Customer, service: SimulatedPushService, tmp_path: Path
) -> None:
    [subscription] = service.subscribe(vapid_public_key=customer.site["vapid_public_key"])
    before = push_manager(subscription, customer.site["vapid_public_key"])
    async with Desktop(tmp_path) as desktop, Chromium(tmp_path, desktop.address) as browser:
        await browser.allow_notifications(shop.url)
        page = await browser.open(shop.url, before=before)
        await visited(page)
        await until_seen(lambda: "getInboxMessages" in answered(running), "the first visit has ended")
        assert answered(running) == FIRST_VISIT
        known = await customer.subscriber()
        assert (known["status"], known["attributes"]) == ("active", {"Name": "Ada"})
        assert (known["browser"], known["platform"]) == ("chrome", "desktop")

        code = await customer.create_message(
            shop.application, content="Hello {Name|regular|there}", link=LINK, chrome_title="Sale"
        )
        await until(lambda: service.pushes(subscription), "the worker has pushed")
        [push] = service.pushes(subscription)
        assert push.plaintext is not None
        await page.deliver(f"{shop.url}/", push.plaintext.decode())
        shown = await desktop.shown("Sale")
        assert "Hello Ada" in shown.body
        await customer.until_counted(code, send=1, delivery=1)
        desktop.click(shown)
        await customer.until_counted(code, send=1, delivery=1, open=1)
        await until_told(lambda: is_open(browser, LINK), "the message's link is open")

        later = await browser.open(shop.url, before=before)  # hidden tabs' timers are slow
        await visited(later)
        assert answered(running).count("registerDevice") == 1
        await later.run("pushwoosh.unsubscribe()")
        assert (await customer.subscriber())["status"] == "unsubscribed"


async def is_open(browser: Chromium, url: str) -> bool:
    return url in await browser.addresses()
