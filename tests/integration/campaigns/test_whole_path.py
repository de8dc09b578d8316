"""The whole path: a browser subscribes, a campaign is launched, a worker pushes, and a click comes back."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from campaigns.model.events import decode_event
from tests.campaigns.adapters.own.support import SHOP
from tests.harness.upstream import Outcomes, Reader
from tests.harness.waiting import until_seen
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start
from worker.records.topics import EVENTS
from worker.simulator.service import SimulatedPushService

CONTENT = {"title": "Hello {{name|there}}", "url": f"{SHOP}/new"}


class Customer:
    """Asks the service, with a key."""

    def __init__(self, session: aiohttp.ClientSession, api: str) -> None:
        self._session = session
        self._api = api

    async def post(self, path: str, body: object = None, **more: Any) -> Any:
        async with self._session.post(self._api + path, json=body, **more) as answer:
            assert answer.ok, await answer.text()
            return await answer.json() if answer.status != 204 else None

    async def get(self, path: str) -> Any:
        async with self._session.get(self._api + path) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()


@pytest.mark.apache_kafka
@pytest.mark.parametrize("wait", [timedelta(0), timedelta(seconds=3)], ids=["at once", "scheduled"])
async def test_a_campaign_reaches_a_browser(
    world: World, service: SimulatedPushService, start: Start, key: str, wait: timedelta
):
    running = start(ROLES="api,launcher,scheduler")
    running.environment |= {
        name: text
        for name, text in world.environment([service], 0).items()
        if name.startswith(("PUSHMILL_KAFKA", "PUSHMILL_TOPIC", "PUSHMILL_ENDPOINT", "PUSHMILL_ALLOW"))
    }
    (world.folder / "vapid" / "shop.pem").write_bytes(world.key.to_pem())
    await running.start()
    await world.start_worker(service)
    [subscription] = service.subscribe(vapid_public_key=world.key.public_text)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        customer = Customer(session, running.api)
        private = world.key.to_pem().decode()
        site = await customer.post("/v1/sites", {"url": SHOP, "vapid_key": "shop", "private_key": private})
        assert site["vapid_public_key"] == world.key.public_text
        joined = await customer.post(
            f"/v1/sites/{site['id']}/subscribers",
            {"subscription": subscription.to_json(), "attributes": {"name": "Ada"}},
        )
        start_at = (datetime.now(UTC) + wait).isoformat() if wait else None
        body = {"name": "Autumn", "content": CONTENT, "target": {"all": True}, "start_at": start_at}
        campaign = await customer.post(f"/v1/sites/{site['id']}/campaigns", body)
        await customer.post(f"/v1/campaigns/{campaign['id']}/launch")

        async with Outcomes(world) as outcomes:
            [[outcome]] = (await outcomes.of(1)).values()
        assert (outcome["status"], outcome["recipient_id"]) == ("sent", joined["id"])
        [push] = service.pushes(subscription)
        shown = json.loads(push.plaintext)["notification"]
        assert shown["title"] == "Hello Ada"
        [launch] = (await customer.get(f"/v1/campaigns/{campaign['id']}"))["launches"]
        token = shown["data"]["pushmill"]["t"]
        assert shown["navigate"] == f"{SHOP}/new?_pm={token}"

        connected = "events can be taken"
        await until_seen(lambda: connected in running.log.read_text(), "Kafka is reached")
        clicked = {"t": token, "kind": "clicked", "button": None, "at": "2026-11-21T09:00:00Z"}
        await customer.post("/v1/events", {"events": [clicked]})
    async with Reader(world, EVENTS) as reader:
        await reader.read(lambda: len(reader.records) == 1, "the click is in Kafka")
    event = decode_event(reader.records[0].value)
    assert (event.launch_id, event.subscriber_id, event.kind) == (launch, joined["id"], "clicked")
    assert await running.terminate() == 0
