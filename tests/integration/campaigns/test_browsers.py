"""A real Firefox and the running service: from the click that subscribes to the report in Kafka."""

import os
from typing import Any

import aiohttp

from campaigns.model.events import decode_event
from campaigns.model.ids import read_launch
from campaigns.model.secrets import Purpose, parse_secrets
from campaigns.model.tokens import recipient_token
from crypto.aes128gcm import encrypt
from crypto.keys import parse_subscription_keys
from tests.campaigns.adapters.own.support import HELLO
from tests.campaigns.sdk.world import opened
from tests.harness.agreement import agreed_with
from tests.harness.browsers.autopush import Autopush
from tests.harness.browsers.desktop import Desktop
from tests.harness.browsers.firefox import Firefox
from tests.harness.campaigns_process import SECRET
from tests.harness.requirements import require
from tests.harness.upstream import Reader
from tests.harness.waiting import until_seen
from tests.integration.campaigns.conftest import Start
from worker.records.topics import EVENTS
from worker.records.values import encode_json

SUBSCRIPTION = """navigator.serviceWorker.getRegistration("/pushmill/")
    .then((registration) => registration.pushManager.getSubscription())"""


async def test_from_subscribing_to_the_report_in_kafka(world, start: Start, key: str, tmp_path):
    require("firefox")
    service = start()
    service.environment |= {
        "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": world.broker,
        "PUSHMILL_TOPIC_PREFIX": world.prefix,
    }
    await service.start()
    await until_seen(lambda: "events can be taken" in service.log.read_text(), "Kafka is reached")
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(service.api, headers=headers) as session,
        opened() as shop,
        Autopush() as push_service,
        Desktop(tmp_path) as desktop,
        Firefox(tmp_path, desktop.address, push_service.url) as firefox,
    ):
        site = await call(session, "POST", "/v1/sites", {"url": shop.url})
        shop.service.url, shop.site, shop.key = service.api, site["id"], site["vapid_public_key"]
        page = await firefox.open(shop.url)
        assert await page.run("Pushmill.setTags(['shoes']).then(() => Pushmill.subscribe())") == "subscribed"
        assert {finding["say"] for finding in await page.run("Pushmill.diagnose()")} == {"fine"}
        [known] = (await call(session, "GET", f"/v1/sites/{site['id']}/subscribers"))["data"]
        assert (known["status"], known["browser"], known["tags"]) == ("active", "firefox", ["shoes"])

        send = {"content": HELLO, "target": {"all": True}}
        sent = await call(session, "POST", f"/v1/sites/{site['id']}/send", send)
        subscription = await page.run(SUBSCRIPTION)
        token = token_of(sent["launch"], known["id"])
        await push_service.push(subscription["endpoint"], encrypted(subscription, token))
        desktop.click(await desktop.shown("Sale"))
        async with Reader(world, EVENTS) as reader:
            await reader.read(lambda: len(reader.records) == 2, "both events are in Kafka")
        assert [decode_event(record.value).kind for record in reader.records] == ["shown", "clicked"]

        assert await page.run("Pushmill.unsubscribe()") == "unsubscribed"
        [known] = (await call(session, "GET", f"/v1/sites/{site['id']}/subscribers"))["data"]
        assert known["status"] == "unsubscribed"


async def call(session: aiohttp.ClientSession, method: str, path: str, body: object = None) -> Any:
    async with session.request(method, path, json=body) as answer:
        assert answer.ok, await answer.text()
        return await answer.json()


def token_of(launch_id: str, subscriber_id: str) -> str:
    """The token of one push, as the launcher writes it into jobs."""
    launch = read_launch(launch_id)
    assert launch is not None
    signing = parse_secrets(SECRET).keys(Purpose.RECIPIENT_TOKEN).signing
    return recipient_token(signing, launch.number, int(subscriber_id.removeprefix("sub_")))


def encrypted(subscription: dict[str, Any], token: str) -> bytes:
    keys = parse_subscription_keys(subscription["keys"]["p256dh"], subscription["keys"]["auth"])
    navigate = f"http://localhost:9/?_pm={token}"
    notification = {"title": "Sale", "navigate": navigate, "data": {"pushmill": {"t": token}}}
    text = encode_json({"web_push": 8030, "notification": notification})
    return encrypt(text, keys, agreed_with(keys), os.urandom(16))
