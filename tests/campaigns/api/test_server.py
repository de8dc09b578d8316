import asyncio
import io
import json
import socket
import zlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from campaigns.api.holding import Holding
from campaigns.api.limits import OPEN
from campaigns.api.server import BODY_MAX_BYTES, ApiServer
from campaigns.metrics import Metrics
from tests.campaigns.api.support import KEY, World
from tests.harness.waiting import until
from worker.edges.process.listening import listen


class Served:
    def __init__(self, world: World, server: ApiServer, registry: CollectorRegistry) -> None:
        self.world = world
        self.server = server
        self.registry = registry
        self.url = f"http://127.0.0.1:{server.port}"

    async def raw(self, request: str) -> str:
        """Send bytes as they are; return all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(request.encode())
        answer = await reader.read()
        writer.close()
        return answer.decode()

    def metrics(self) -> str:
        return generate_latest(self.registry).decode()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    world, registry = World(), CollectorRegistry()
    async with ApiServer(
        world.gateway, listen("127.0.0.1", 0), metrics=Metrics(registry), drain_seconds=30
    ) as server:
        yield Served(world, server, registry)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        yield session


async def test_an_answer_comes_over_http(served, http):
    async with http.get(f"{served.url}/v1/sites/site_7?limit=3") as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        assert await answer.json() == {"id": "site_7", "title": "1 3"}


async def test_an_answer_without_a_body_has_no_type(served, http):
    async with http.delete(f"{served.url}/v1/sites/site_7") as answer:
        assert answer.status == 204
        assert "Content-Type" not in answer.headers


async def test_a_head_has_the_length_alone(served, http):
    async with http.head(f"{served.url}/v1/sites/site_7") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert int(answer.headers["Content-Length"]) == len(b'{"id":"site_7","title":"1 50"}')


async def test_two_slashes_are_two_slashes(served):
    end = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    assert " 200 " in (await served.raw(f"POST //twice {end}")).splitlines()[0]
    assert " 200 " in (await served.raw(f"POST http://api.example//twice {end}")).splitlines()[0]
    assert " 404 " in (await served.raw(f"POST /twice {end}")).splitlines()[0]
    assert " 404 " in (await served.raw(f"POST http://api.example {end}")).splitlines()[0]


async def test_a_body_has_a_limit(served, http):
    fits = json.dumps({"title": "x" * (BODY_MAX_BYTES - len('{"title": ""}'))}).encode()
    assert len(fits) == BODY_MAX_BYTES
    kind = {"Content-Type": "application/json"}
    async with http.post(f"{served.url}/v1/notices", data=io.BytesIO(fits), headers=kind) as answer:
        assert answer.status == 201
    async with http.post(f"{served.url}/v1/notices", data=io.BytesIO(fits + b" "), headers=kind) as answer:
        assert answer.status == 413
        assert answer.content_type == "application/problem+json"


async def test_a_body_of_unknown_length_has_a_limit_too(served, http):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * (BODY_MAX_BYTES // 32)

    kind = {"Content-Type": "application/json"}
    async with http.post(f"{served.url}/v1/notices", data=endless(), headers=kind) as answer:
        assert answer.status == 413


async def test_a_compressed_body_has_its_limit_unpacked(served, http):
    packed = zlib.compress(b'{"title":"' + b"x" * (64 * BODY_MAX_BYTES) + b'"}')
    assert len(packed) < BODY_MAX_BYTES
    kind = {"Content-Type": "application/json", "Content-Encoding": "deflate"}
    async with http.post(f"{served.url}/v1/notices", data=packed, headers=kind) as answer:
        assert answer.status == 413


async def test_a_body_that_cannot_be_unpacked_is_refused(served, http):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    with capture_logs() as logs:
        async with http.post(f"{served.url}/v1/notices", data=b"this is no gzip", headers=headers) as answer:
            assert answer.status == 400
    assert [line["event"] for line in logs] == ["request"]


async def test_a_body_that_breaks_off_is_no_error_of_ours(served):
    with capture_logs() as logs:
        _, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        login = f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
        writer.write(f"POST /v1/notices HTTP/1.1\r\nHost: x\r\n{login}Content-Length: 99\r\n\r\n{{".encode())
        await writer.drain()
        writer.close()
        await until(lambda: logs, "the request is over")
    assert [(line["event"], line["status"]) for line in logs] == [("request", 400)]


async def test_logs_and_metrics_have_routes_and_no_ids(served, http):
    with capture_logs() as logs:
        async with http.get(f"{served.url}/v1/sites/site_74711?secret=hunter2") as answer:
            assert answer.status == 400
        async with http.get(f"{served.url}/hunter2") as answer:
            assert answer.status == 404
    lines = [line for line in logs if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "/v1/sites/{site}", 400),
        ("GET", "unknown", 404),
    ]
    everything = str(logs) + served.metrics()
    assert not any(word in everything for word in ("74711", "hunter2", KEY, "127.0.0.1"))
    name = "pushmill_campaigns_http_requests_total"
    assert f'{name}{{adapter="own",code="400",route="/v1/sites/{{site}}"}} 1.0' in served.metrics()


async def test_a_header_that_is_no_text_stops_nothing(served):
    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    end = b"Connection: close\r\nContent-Length: 0\r\n\r\n"
    writer.write(b"POST //twice HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\xfe\r\n" + end)
    assert b" 200 " in (await reader.read()).splitlines()[0]
    writer.close()


@pytest.mark.parametrize(
    "said",
    [
        "HUNTER2\r\n\r\n",
        "HUNTER2 / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nAuthorization: Bearer hunter2\x01\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: hunter2\r\n\r\n",
    ],
    ids=["no request", "no method", "no header", "no length"],
)
async def test_what_is_no_http_is_refused_and_repeated_nowhere(served, caplog, said):
    caplog.set_level("DEBUG")
    assert " 400 " in (await served.raw(said)).splitlines()[0]
    assert [record.levelname for record in caplog.records if "given up" in record.message] == ["INFO"]
    assert not any(word in caplog.text.casefold() for word in ("hunter2", "127.0.0.1"))


async def test_a_flood_waits_for_its_answers_and_others_do_not(served, http):
    served.server._holding = Holding(seconds=600)
    for _ in range(OPEN["open"].amount):
        await served.world.gateway._limiter.note(OPEN["open"], "127.0.0.1")
    flood = asyncio.create_task(http.post(f"{served.url}//twice"))
    name = 'pushmill_campaigns_rate_limited_total{adapter="own"} 1.0'
    await until(lambda: name in served.metrics(), "the flood is counted")
    async with http.get(f"{served.url}/v1/sites/site_7") as answer:
        assert answer.status == 200
    assert not flood.done()
    served.server._holding.end()
    async with await flood as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0


async def test_a_stop_lets_what_is_under_way_finish(http):
    world = World()
    sockets = listen("127.0.0.1", 0)
    async with ApiServer(
        world.gateway, sockets, metrics=Metrics(CollectorRegistry()), drain_seconds=30
    ) as server:
        url = f"http://127.0.0.1:{server.port}/v1/notices"
        asked = asyncio.create_task(http.post(url, json={"title": "slow"}))
        await world.service.running.wait()
        address = ("127.0.0.1", server.port)
        stopping = asyncio.create_task(server._runner.cleanup())
        await until(lambda: sockets[0].fileno() == -1, "the port is closed")
        with socket.socket() as probe:
            assert probe.connect_ex(address) != 0
        assert not asked.done()
        world.service.go_on.set()
        async with await asked as answer:
            assert answer.status == 201
        await stopping
