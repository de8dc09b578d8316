"""The SDK in a real Firefox with its own push manager: from subscribing to the click that opens a page."""

import os

import pytest
import pytest_asyncio

from crypto.aes128gcm import encrypt
from crypto.keys import parse_subscription_keys
from tests.campaigns.sdk.world import public_key
from tests.harness.agreement import agreed_with
from tests.harness.browsers.autopush import Autopush
from tests.harness.browsers.firefox import Firefox
from tests.harness.requirements import require
from tests.harness.waiting import until, until_told
from worker.push.message import compile_message
from worker.records.job import SendJob
from worker.records.notification import Action, Notification
from worker.records.recipient import Recipient, decode_subscription
from worker.records.values import encode_json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("firefox")]

BEGUN = "Pushmill.diagnose().then(() => Pushmill.state())"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def push_service():
    async with Autopush() as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def firefox(desktop, push_service, tmp_path_factory):
    require("firefox")
    async with Firefox(tmp_path_factory.mktemp("firefox"), desktop.address, push_service.url) as firefox:
        yield firefox


@pytest_asyncio.fixture(loop_scope="module")
async def page(firefox, shop):
    page = await firefox.open(shop.url)
    yield page
    await page.close()


def https(url):
    """What the worker of this project wants of every URL; the shop has no certificate."""
    return url.replace("http:", "https:")


async def send(push_service, shop, **more):
    """Send the shop's subscriber a notification, made as the worker of this project makes it."""
    own = {"pushmill": {"t": "{{t}}"}}
    notification = Notification(title="Sale", url=https(f"{shop.url}/sale?_pm={{{{t}}}}"), data=own, **more)
    subscription = decode_subscription(encode_json(shop.service.told[-1]["subscription"]))
    recipient = Recipient("sub_1", subscription, {"t": "token"})
    job = SendJob(
        1, "job", "launch_1_aaaaaaaa", "site_7", [recipient], notification=notification, mutable=True
    )
    text = compile_message(job).render(recipient).replace(b"https://localhost", b"http://localhost")
    keys = parse_subscription_keys(subscription.keys.p256dh, subscription.keys.auth)
    body = encrypt(text, keys, agreed_with(keys), os.urandom(16))
    await push_service.push(subscription.endpoint, body)


async def has_tab(browser, url):
    return url in await browser.addresses()


async def test_from_subscribing_to_the_click(page, shop, push_service, desktop, firefox):
    assert await page.run("Pushmill.subscribe()") == "subscribed"
    assert {finding["say"] for finding in await page.run("Pushmill.diagnose()")} == {"fine"}
    await send(push_service, shop, body="All shoes")
    shown = await desktop.shown("Sale")
    assert shown.body == "All shoes"
    await until(lambda: shop.service.kinds() == ["shown"])
    desktop.click(shown)
    await until(lambda: "/sale" in shop.paths)
    await until(lambda: shop.service.kinds() == ["shown", "clicked"])
    assert {event["t"] for event in shop.service.events} == {"token"}
    await until_told(lambda: has_tab(firefox, f"{shop.url}/sale"))


async def test_a_button_and_a_dismissal(page, shop, push_service, desktop):
    await page.run("Pushmill.subscribe()")
    await send(push_service, shop, actions=[Action("buy", "Buy", https(f"{shop.url}/buy?_pm={{{{t}}}}"))])
    shown = await desktop.shown("Sale")
    desktop.click(shown, next(action for action, text in shown.buttons.items() if text == "Buy"))
    await until(lambda: "/buy" in shop.paths)
    await until(lambda: shop.service.kinds() == ["shown", "clicked"])
    assert shop.service.events[1]["button"] == 0
    await send(push_service, shop)
    desktop.dismiss(await desktop.shown("Sale"))
    await until(lambda: shop.service.kinds() == ["shown", "clicked", "shown", "dismissed"])


async def test_another_key_subscribes_anew(page, shop, push_service, desktop):
    await page.run("Pushmill.subscribe()")
    shop.key = public_key()
    await page.go(shop.url)
    assert await page.run(BEGUN) == "subscribed"
    before, after = shop.service.told
    assert after["subscription"]["endpoint"] != before["subscription"]["endpoint"]
    assert after["token"] == "token-1"
    await send(push_service, shop)
    await desktop.shown("Sale")


async def test_unsubscribing_reaches_the_push_service(page, shop, push_service):
    open_before = {*push_service.channels}
    await page.run("Pushmill.subscribe()")
    assert {*push_service.channels} > open_before
    assert await page.run("Pushmill.unsubscribe()") == "unsubscribed"
    await until(lambda: {*push_service.channels} == open_before)
    assert shop.service.farewells == [{"token": "token-1"}]
    assert await page.run("Pushmill.state()") == "unsubscribed"
