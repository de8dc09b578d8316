"""The page /try in a real Chromium, with a service that stands in for the API."""

import json

import pytest
import pytest_asyncio
from aiohttp import web

from campaigns.sdk.files import TRIAL_HEADERS, trial_file
from tests.campaigns.sdk.world import SITE, Service, public_key, served
from tests.harness.waiting import until, until_told

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("chromium")]

NOTHING = {"first": 0, "total": 0}


class TrialService(Service):
    """Besides what browsers use: the page, and what it asks of the API."""

    def __init__(self):
        super().__init__()
        self.sent = []
        self.statistics = {
            "accepted": 0,
            "by_status": {},
            "shown": NOTHING,
            "clicks": NOTHING,
            "dismissed": NOTHING,
        }
        self.problem = None
        self.application.add_routes(
            [
                web.get("/try", self._trial),
                web.get("/try/configuration", self._configuration),
                web.get("/try/{name}", self._trial),
                web.post("/v1/sites/{site}/send", self._send),
                web.get("/v1/launches/{launch}/statistics", self._statistics),
            ]
        )

    async def _trial(self, request):
        file = trial_file(request.match_info.get("name", "page.html"))
        return web.Response(body=file.body, headers=TRIAL_HEADERS | {"Content-Type": file.media_type})

    async def _configuration(self, _):
        given = {
            "site": SITE,
            "vapid_public_key": public_key(),
            "key": "api-key",
            "url": "https://shop.example/",
        }
        return web.json_response(given)

    async def _send(self, request):
        assert request.headers["Authorization"] == "Bearer api-key"
        if self.problem:
            return web.json_response({"errors": [self.problem]}, status=422)
        self.sent.append(await request.json())
        return web.json_response({"launch": "launch_1_aaaaaaaa", "targeted": 1}, status=201)

    async def _statistics(self, request):
        assert request.headers["Authorization"] == "Bearer api-key"
        return web.json_response(self.statistics)


@pytest_asyncio.fixture(loop_scope="module")
async def service():
    service = TrialService()
    async with served(service.application, "localhost") as url:
        service.url = url
        yield service


@pytest_asyncio.fixture(loop_scope="module")
async def page(chromium, service, push_manager):
    await chromium.allow_notifications(service.url)
    page = await chromium.open(f"{service.url}/try", before=push_manager)
    await says(page, "subscribe-status", "Not subscribed. Notifications of this page are allowed.")
    yield page
    await page.close()


async def text(page, id_):
    return await page.run(f"document.getElementById({json.dumps(id_)}).textContent")


async def says(page, id_, expected):
    async def asked():
        return expected in await text(page, id_)

    await until_told(asked, f"{id_}: {expected}")


def click(id_):
    return f"document.getElementById({json.dumps(id_)}).click()"


async def subscribe(page):
    await page.run(click("subscribe"))
    await says(page, "subscribe-status", "This browser is subscribed.")


async def test_from_subscribing_to_the_click(page, service):
    assert await page.run("document.getElementById('send').disabled")
    await subscribe(page)
    await page.run(click("send"))
    await says(page, "send-status", "On its way to one browser.")
    [sent] = service.sent
    assert sent["target"] == {"all": True}
    assert sent["content"] == {
        "title": "It works",
        "body": "Click me, and see the click counted.",
        "url": "https://shop.example/",
    }
    await says(page, "came-status", "Waiting for the push service")
    service.statistics |= {"accepted": 1, "by_status": {"sent": 1}}
    await says(page, "came-status", "Accepted.")
    service.statistics["shown"] = {"first": 1, "total": 1}
    await says(page, "came-status", "click it")
    service.statistics["clicks"] = {"first": 1, "total": 2}
    await says(page, "came-status", "Clicked, and counted.")
    assert [await text(page, id_) for id_ in ("accepted", "shown", "clicks", "dismissed")] == [
        "1",
        "1",
        "1",
        "0",
    ]


async def test_a_push_is_shown_there(page, service, desktop):
    await subscribe(page)
    own = {"pushmill": {"t": "token"}}
    notification = {"title": "It works", "navigate": "https://shop.example/?_pm=token", "data": own}
    await page.deliver(f"{service.url}/try/", {"web_push": 8030, "notification": notification})
    await desktop.shown("It works")
    await until(lambda: service.kinds() == ["shown"])


async def test_unsubscribing(page, service):
    await subscribe(page)
    await page.run(click("unsubscribe"))
    await says(page, "subscribe-status", "Not subscribed.")
    assert service.farewells == [{"token": "token-1"}]
    assert await page.run("document.getElementById('send').disabled")


async def test_a_push_service_that_the_browser_cannot_reach_is_told(page):
    await page.run("localStorage.setItem('refuses', 'yes')")
    await page.run(click("subscribe"))
    await says(page, "subscribe-status", "The browser could not reach its own push service.")


async def test_a_browser_that_tries_to_reach_its_push_service_for_long_is_explained_meanwhile(page, service):
    await page.run("localStorage.setItem('hangs', 'yes')")
    await page.run(click("subscribe"))
    await says(page, "subscribe-status", "One moment")
    await says(page, "subscribe-status", "Your browser has not reached its own push service yet")
    # A key that the browser has to subscribe with anew, at the next visit.
    await page.run("localStorage.removeItem('hangs')")
    await page.go(f"{service.url}/try")
    await says(page, "subscribe-status", "Not subscribed.")
    await subscribe(page)
    await page.run("localStorage.setItem('hangs', 'yes')")
    await page.go(f"{service.url}/try")
    await says(page, "subscribe-status", "Your browser has not reached its own push service yet")
    await page.run("localStorage.removeItem('hangs')")


async def test_a_question_that_waits_for_an_answer_is_pointed_to(page):
    waits = "Object.defineProperty(Notification, 'permission', {value: 'default'});"
    await page.run(f"{{{waits} Notification.requestPermission = () => new Promise(() => {{}})}}")
    await page.run(click("subscribe"))
    await says(page, "subscribe-status", "Your browser asks whether this page may notify you")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("failed", "The push service is out of reach"),
        ("expired", "no longer knows this browser's subscription"),
    ],
)
async def test_a_push_that_was_not_accepted_is_explained(page, service, status, words):
    await subscribe(page)
    service.statistics["by_status"] = {status: 1}
    await page.run(click("send"))
    await says(page, "came-status", words)


async def test_a_push_service_that_does_not_answer_is_told(page):
    await subscribe(page)
    await page.run("{ const now = Date.now; let calls = 0; Date.now = () => now() + 1e5 * calls++; }")
    await page.run(click("send"))
    await says(page, "came-status", "No answer from the push service yet")


async def test_what_the_service_refuses_is_told(page, service):
    await subscribe(page)
    service.problem = {"field": "content.url", "problem": "is not https"}
    await page.run(click("send"))
    await says(page, "send-status", "content.url is not https")


async def test_the_command_does_the_same(page):
    await page.run("document.getElementById('title').value = `It's on`")
    await page.run("document.getElementById('title').dispatchEvent(new Event('input', {bubbles: true}))")
    command = await text(page, "command")
    assert "/v1/sites/site_7/send" in command
    assert "Authorization: Bearer api-key" in command
    assert "It'\\''s on" in command


async def test_the_page_keeps_its_policy_names_its_fields_and_fits(chromium, service, push_manager):
    note = "(event) => (window.broken ??= []).push(event.blockedURI)"
    watch = f"document.addEventListener('securitypolicyviolation', {note});"
    page = await chromium.open(f"{service.url}/try", before=push_manager + watch)
    await says(page, "subscribe-status", "ubscribed")
    assert await page.run("window.broken") is None
    labelled = "[...document.querySelectorAll('input')].every((each) => each.labels.length === 1)"
    assert await page.run(labelled)
    await page.run("document.querySelector('details').open = true")
    assert await page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    await page.close()
