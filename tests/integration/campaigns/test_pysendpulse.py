"""SendPulse's own client for Python, as it is installed, against the service over a socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pysendpulse.pysendpulse import PySendPulse

from campaigns.api.server import ApiServer
from campaigns.metrics import Metrics
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.sendpulse.support import SendPulseApi, api_over
from worker.edges.process.listening import listen

FILTER = {
    "variable_name": "uname",
    "operator": "or",
    "conditions": [{"condition": "likewith", "value": "a"}, {"condition": "notequal", "value": "b"}],
}


class Served:
    """The service, and how a customer's program gets its client."""

    def __init__(self, api: SendPulseApi, tokens: Path) -> None:
        self.api = api
        self._tokens = f"{tokens}/"

    async def client(self, secret: str | None = None) -> PySendPulse:
        name, right = self.api.client
        return await asyncio.to_thread(
            PySendPulse, name, secret or right, "FILE", token_file_path=self._tokens
        )


async def call(ask: Callable[..., Any], *given: object) -> Any:
    return await asyncio.to_thread(ask, *given)


@pytest.fixture
async def served(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    api = api_over(database)
    await api.join()
    metrics = Metrics(CollectorRegistry())
    async with ApiServer(api.gateway, listen("127.0.0.1", 0), metrics=metrics, drain_seconds=30) as server:
        monkeypatch.setattr(PySendPulse, "_PySendPulse__api_url", f"http://127.0.0.1:{server.port}")
        yield Served(api, tmp_path)


async def test_a_customer_s_program_goes_on_as_before(served: Served) -> None:
    site = await served.api.site()
    came = await served.api.subscriber(site, attributes={"uname": "Ada"})
    client = await served.client()
    assert await call(client.push_count_websites) == {"total": 1}
    assert [each["id"] for each in await call(client.push_get_websites)] == [site]
    assert [each["name"] for each in await call(client.push_get_variables, site)] == ["uname"]
    assert [each["id"] for each in await call(client.push_get_subscriptions, site, 10, 0)] == [came.number]
    assert await call(client.push_count_subscriptions, site) == {"total": 1}
    made = await call(
        client.push_create, "Sale", site, "Ends today", 3600, {"link": f"{SHOP}/sale", "filter": FILTER}
    )
    assert made["result"] is True
    [task] = await call(client.push_get_tasks, 10, 0)
    assert (task["id"], task["title"], task["status"]) == (made["id"], "Sale", 13)
    assert await call(client.push_get_tasks, 10, 1) == []
    assert await call(client.push_set_subscription_state, came.number, 0) == {"result": True}
    assert (await call(client.push_get_subscriptions, site))[0]["status"] == 0


async def test_a_second_program_reads_the_token_of_the_first(served: Served) -> None:
    await served.client()
    again = await served.client()
    assert await call(again.push_count_websites) == {"total": 0}
    async with served.api.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM credential WHERE parent IS NOT NULL") == 2


async def test_a_token_that_has_ended_is_replaced_by_the_client(served: Served) -> None:
    client = await served.client()
    async with served.api.database.connection() as connection:
        await connection.execute("DELETE FROM credential WHERE parent IS NOT NULL")
    served.api.seconds += 60
    assert await call(client.push_count_websites) == {"total": 0}


async def test_what_is_refused_is_told_as_the_client_tells_it(served: Served) -> None:
    client = await served.client()
    assert await call(client.push_create, "Sale", 999, "Ends today", 3600) == {
        "data": {
            "is_error": True,
            "http_code": 404,
            "message": f"Sorry, the page you are looking for {client._PySendPulse__api_url}//push/tasks "
            "could not be found.",
        }
    }
    with pytest.raises(Exception, match="check your ID and SECRET"):
        await served.client("wrong")
