"""What browsers report, from the request to the record in Kafka; and what happens while Kafka is away."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
import pytest

from campaigns.model.events import decode_event
from campaigns.model.ids import read_launch
from campaigns.model.secrets import Purpose, parse_secrets
from campaigns.model.tokens import recipient_token
from tests.campaigns.adapters.own.support import HELLO, SHOP, subscription
from tests.harness.campaigns_process import SECRET
from tests.harness.upstream import Reader
from tests.harness.waiting import until_seen
from tests.integration.campaigns.conftest import Start
from worker.records.topics import EVENTS

NOWHERE = "127.0.0.1:9"


async def push(session: aiohttp.ClientSession, api: str, key: str) -> str:
    """Subscribe a browser and send to it; return the token of its push."""
    headers = {"Authorization": f"Bearer {key}"}

    async def post(path: str, body: object) -> Any:
        async with session.post(api + path, json=body, headers=headers) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    site = (await post("/v1/sites", {"url": SHOP}))["id"]
    one = (await post(f"/v1/sites/{site}/subscribers", {"subscription": subscription()}))["id"]
    sent = await post(f"/v1/sites/{site}/send", {"content": HELLO, "target": {"subscribers": [one]}})
    launch = read_launch(sent["launch"])
    assert launch is not None
    signing = parse_secrets(SECRET).keys(Purpose.RECIPIENT_TOKEN).signing
    return recipient_token(signing, launch.number, int(one.removeprefix("sub_")))


def report(token: str) -> dict[str, Any]:
    """A report as a service worker sends it, without a preflight."""
    event = {"t": token, "kind": "shown", "button": None, "at": datetime.now(UTC)}
    return {
        "data": msgspec.json.encode({"events": [event]}),
        "headers": {"Content-Type": "text/plain;charset=UTF-8"},
    }


async def test_a_report_is_in_kafka_when_it_is_answered(world, start: Start, key: str):
    service = start()
    service.environment |= {
        "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": world.broker,
        "PUSHMILL_TOPIC_PREFIX": world.prefix,
    }
    await service.start()
    async with aiohttp.ClientSession() as session:
        token = await push(session, service.api, key)
        connected = "events can be taken"
        await until_seen(lambda: connected in service.log.read_text(), "Kafka is reached")
        async with session.post(f"{service.api}/v1/events", **report(token)) as answer:
            assert answer.status == 204
    async with Reader(world, EVENTS) as reader:
        await reader.read(lambda: len(reader.records) == 1, "the event is in Kafka")
    [record] = reader.records
    event = decode_event(record.value)
    assert record.key == event.subscriber_id.encode()
    assert (event.kind, event.button) == ("shown", None)
    assert await service.terminate() == 0
    assert token not in service.log.read_text()


async def test_without_kafka_all_else_is_served(start: Start, key: str):
    service = start()
    await service.start()
    assert service.environment["PUSHMILL_KAFKA_BOOTSTRAP_SERVERS"] == NOWHERE
    async with aiohttp.ClientSession() as session:
        token = await push(session, service.api, key)
        async with session.post(f"{service.api}/v1/events", **report(token)) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.content_type == "application/problem+json"
    assert await service.terminate() == 0


async def test_a_second_request_with_a_key_waits_for_nobody(start: Start, key: str):
    service = start()
    await service.start()
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "once"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def create() -> int:
            async with session.post(f"{service.api}/v1/sites", json={"url": SHOP}) as answer:
                return answer.status

        statuses = await asyncio.gather(*(create() for _ in range(10)))
        async with session.get(f"{service.api}/v1/sites") as answer:
            sites = (await answer.json())["data"]
    assert len(sites) == 1
    assert 201 in statuses
    assert {*statuses} <= {201, 409}


@pytest.mark.parametrize("path", ["//v1/sites", "/v1//sites", "/V1/sites", "/%2e%2e/etc/passwd"])
async def test_odd_paths_are_not_found(start: Start, path: str):
    service = start()
    await service.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(service.api.rpartition(":")[2]))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 404 ")
    assert "application/problem+json" in answer
