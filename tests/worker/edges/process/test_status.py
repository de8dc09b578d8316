import asyncio
import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from worker.edges.process.status import StatusPortError, StatusServer


class Worker:
    """The callables that the server uses."""

    reason: str | None = None
    text: bytes = b""

    def ready(self) -> str | None:
        return self.reason

    def render(self) -> bytes:
        return self.text

    async def render_later(self) -> bytes:
        await asyncio.sleep(0)
        return self.text


@pytest.fixture
def worker():
    return Worker()


@pytest.fixture
async def server(worker):
    async with StatusServer("127.0.0.1", 0, ready=worker.ready, render=worker.render) as server:
        yield server


async def fetch(server, path, method="GET"):
    url = f"http://127.0.0.1:{server.port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url) as answer:
        return answer.status, await answer.text(), answer.headers["Content-Type"]


async def test_it_lives_while_the_loop_turns(server):
    assert (await fetch(server, "/healthz"))[:2] == (200, "ok\n")


async def test_it_is_ready_or_says_why_not(server, worker):
    assert (await fetch(server, "/readyz"))[:2] == (200, "ready\n")
    worker.reason = "no partitions are assigned"
    assert (await fetch(server, "/readyz"))[:2] == (503, "no partitions are assigned\n")
    assert (await fetch(server, "/healthz"))[0] == 200
    worker.reason = None
    assert (await fetch(server, "/readyz"))[0] == 200


async def test_metrics_are_prometheus_text(server, worker):
    registry = CollectorRegistry()
    Counter("pushmill_outcomes", "Recipients.", registry=registry).inc(7)
    worker.text = generate_latest(registry)
    status, text, kind = await fetch(server, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    assert ("pushmill_outcomes_total", 7.0) in [(each.name, each.value) for each in samples]


async def test_metrics_may_take_their_time(worker):
    worker.text = b"up 1\n"
    async with StatusServer("127.0.0.1", 0, ready=worker.ready, render=worker.render_later) as server:
        assert (await fetch(server, "/metrics"))[:2] == (200, "up 1\n")


async def test_health_and_readiness_are_what_their_callables_say_at_once_or_later(worker):
    said = {"healthz": None, "readyz": None}

    async def healthy():
        return said["healthz"]

    async def ready():
        return said["readyz"]

    async with StatusServer("127.0.0.1", 0, healthy=healthy, ready=ready, render=worker.render) as server:
        assert (await fetch(server, "/healthz"))[:2] == (200, "ok\n")
        assert (await fetch(server, "/readyz"))[:2] == (200, "ready\n")
        said |= {"healthz": "process 1 hangs", "readyz": "process 0: draining"}
        assert (await fetch(server, "/healthz"))[:2] == (503, "process 1 hangs\n")
        assert (await fetch(server, "/readyz"))[:2] == (503, "process 0: draining\n")


async def test_metrics_that_fail_leave_the_probes_alone(worker):
    def render():
        raise ZeroDivisionError

    async with StatusServer("127.0.0.1", 0, ready=worker.ready, render=render) as server:
        assert (await fetch(server, "/metrics"))[0] == 500
        assert (await fetch(server, "/healthz"))[0] == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/metrics", 405)])
async def test_there_is_nothing_else(server, method, path, status):
    assert (await fetch(server, path, method))[0] == status


async def test_head_is_answered_as_get_is(server):
    assert (await fetch(server, "/readyz", "HEAD"))[:2] == (200, "")


async def test_requests_leave_no_line_in_the_log(server, caplog):
    caplog.set_level("DEBUG", "aiohttp")
    await fetch(server, "/healthz")
    assert not caplog.records


async def test_a_taken_port_is_named_with_its_setting(worker):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StatusPortError) as caught:
            async with StatusServer("127.0.0.1", port, ready=worker.ready, render=worker.render):
                pass
    assert f"PUSHMILL_STATUS_PORT is {port}" in str(caught.value)
    assert "free port" in str(caught.value)


async def test_an_address_of_another_machine_is_named_with_its_setting(worker):
    with pytest.raises(StatusPortError, match=r"PUSHMILL_STATUS_HOST is 192\.0\.2\.1"):
        async with StatusServer("192.0.2.1", 0, ready=worker.ready, render=worker.render):
            pass


async def test_another_programs_settings_have_names_of_their_own(worker):
    answers = {"ready": worker.ready, "render": worker.render}
    with pytest.raises(StatusPortError, match=r"PUSHMILL_CAMPAIGNS_STATUS_HOST is 192\.0\.2\.1"):
        async with StatusServer("192.0.2.1", 0, **answers, prefix="PUSHMILL_CAMPAIGNS_"):
            pass


async def test_the_port_is_free_again_afterwards(worker):
    async with StatusServer("127.0.0.1", 0, ready=worker.ready, render=worker.render) as server:
        port = server.port
        await fetch(server, "/healthz")
    with pytest.raises(RuntimeError, match="async with"):
        _ = server.port
    async with StatusServer("127.0.0.1", port, ready=worker.ready, render=worker.render) as again:
        assert again.port == port
        assert (await fetch(again, "/healthz"))[0] == 200


async def test_a_client_that_stays_connected_does_not_hold_up_the_end(worker):
    async with StatusServer("127.0.0.1", 0, ready=worker.ready, render=worker.render) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await reader.readline()
        writer.write(b"GET /half")
    writer.close()
    await asyncio.wait_for(asyncio.shield(_drained(reader)), 5)


async def _drained(reader):
    while await reader.read(1000):
        pass
