"""A running campaign service and a real Prometheus: its rules and its dashboard find what they ask for."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from campaigns.config import ROLES
from tests.campaigns.adapters.own.support import HELLO, SHOP, subscription
from tests.harness.campaigns_process import CampaignsProcess
from tests.harness.prometheus import Prometheus
from tests.harness.waiting import until_seen
from tests.harness.worker_process import get
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start
from tests.k8s.support import CAMPAIGN_DASHBOARD, CAMPAIGN_RULES, alerts, recordings
from worker.records.topics import OUTCOMES

EMPTY_WHILE_ALL_IS_WELL = {
    "Which requests fail, and where?",
    "Do workers wait for a key?",
    "pushmill_campaigns:http_failures:ratio_rate5m",  # of no failure there is no share
}


def filled_in(expression: str) -> str:
    return re.sub(r"\$(namespace|pod)\b", ".*", expression.replace("$__rate_interval", "5m"))


def expressions() -> dict[str, str]:
    """Every expression that finds something in a service that works, by a name."""
    asked = {
        f"{panel['title']} {target['refId']}": filled_in(target["expr"])
        for panel in json.loads(CAMPAIGN_DASHBOARD.read_text())["panels"]
        if panel["title"] not in EMPTY_WHILE_ALL_IS_WELL
        for target in panel.get("targets", ())
    }
    return asked | {
        each["record"]: each["record"]
        for each in recordings(CAMPAIGN_RULES)
        if each["record"] not in EMPTY_WHILE_ALL_IS_WELL
    }


@pytest.fixture
async def service(world: World, start: Start, tmp_path: Path) -> AsyncIterator[CampaignsProcess]:
    """All roles, on a Kafka."""
    running = start(ROLES=",".join(ROLES))
    running.environment |= {
        "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": world.broker,
        "PUSHMILL_TOPIC_PREFIX": world.prefix,
        "PUSHMILL_VAPID_DIR": str(tmp_path / "mirrored"),
    }
    await running.start()
    yield running
    assert await running.terminate() == 0


async def ask(service: CampaignsProcess, key: str) -> None:
    """Do a little of everything."""
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(service.api, headers=headers) as session:
        async with session.post("/v1/sites", json={"url": SHOP}) as answer:
            site = (await answer.json())["id"]
        path = f"/v1/sites/{site}/subscribers"
        async with session.post(path, json={"subscription": subscription()}) as answer:
            assert answer.status == 201
        send = {"content": HELLO, "target": {"all": True}}
        async with session.post(f"/v1/sites/{site}/send", json=send) as answer:
            assert answer.status == 200


async def test_every_rule_and_every_panel_finds_series(
    world: World, service: CampaignsProcess, key: str, tmp_path: Path
):
    target = service.url.removeprefix("http://")
    async with Prometheus(tmp_path, target, CAMPAIGN_RULES, "pushmill-campaigns") as prometheus:
        await ask(service, key)
        await world.produce(b"{", topic=OUTCOMES)  # which is not ours
        written = "pushmill_campaigns_launched_recipients_total"
        await until_seen(lambda: service.metric(written) == 1, "the send is written")
        missing = expressions()

        def found() -> bool:
            assert get(f"{service.api}/v1/nothing")[0] == 404  # again: Prometheus must see it increase
            for name, text in [*missing.items()]:
                if prometheus.query(text):
                    del missing[name]
            return not missing

        try:
            await until_seen(found, "everything finds something")
        except AssertionError as error:
            raise AssertionError(f"{error} but {[*missing]}") from None
        for each in alerts(CAMPAIGN_RULES):
            found = await asyncio.to_thread(prometheus.query, each["expr"])
            assert found == [], each["alert"]
        health = {each["name"]: each["health"] for each in await asyncio.to_thread(prometheus.rules)}
        assert set(health.values()) == {"ok"}
