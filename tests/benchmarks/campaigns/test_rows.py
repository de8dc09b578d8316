"""The rows themselves, as small as they can be: that they measure, not how much."""

import asyncio
import tempfile
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from benchmarks.campaigns.__main__ import ROWS, run
from benchmarks.campaigns.asking import Ask
from benchmarks.campaigns.audiences import number_of
from benchmarks.campaigns.cost import Meter, percentile
from benchmarks.campaigns.serving import steady
from benchmarks.campaigns.surroundings import Options
from tests.harness.worker_process import free_port

SMALL = Options(turns=1, recipients=200, seconds=1.0)


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="pushmill-test-", dir="/tmp") as name:
        made = Path(name)
        made.chmod(0o755)  # another user runs PostgreSQL for root
        yield made


async def test_rows_of_postgresql_alone_have_figures(folder):
    findings = await run(["importing", "collecting"], SMALL, folder)
    assert findings.failed == {}
    assert {row: len(found) for row, found in findings.of_row.items()} == {"importing": 4, "collecting": 3}
    assert all(min(each.turns) > 0 for found in findings.of_row.values() for each in found)


async def test_a_row_that_fails_says_why_and_stops_no_other(monkeypatch, folder):
    async def fail(_around):
        async with asyncio.TaskGroup():
            raise RuntimeError("nothing was sent")

    async def skip(around):
        around.skipped["floods"] = "wrk is not on PATH"
        return []

    rows = {"serving": fail, "floods": skip}
    monkeypatch.setattr("benchmarks.campaigns.__main__.ROWS", rows)
    findings = await run([*rows], SMALL, folder)
    assert findings.failed == {"serving": "RuntimeError: nothing was sent"}
    assert findings.left_out == {"floods": "wrk is not on PATH"}
    assert findings.of_row == {}


def test_every_row_is_described():
    assert all(each.__doc__ for each in ROWS.values())


def test_a_meter_divides_by_its_units():
    seconds = iter([1.0, 3.0, 5.0])
    meter = Meter(0, 1000, lambda: next(seconds))
    meter.start()
    assert meter.stop().ours == pytest.approx(2000.0)


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([*range(101)], 0.99) == 99
    assert percentile([5.0], 0.99) == 5.0


def test_places_are_spread_over_all_numbers():
    assert number_of(3, 4, 0) == 3
    assert number_of(3, 4, 2) == 3 + 2**52


async def test_a_steady_load_counts_from_when_a_request_was_due():
    asked = 0

    async def answer(_request):
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server, aiohttp.ClientSession(str(server.make_url("/"))) as session:
        answered = await steady(session, iter([Ask("GET", "/")] * 20), 100, 0.2)
    assert (asked, [each.status for each in answered]) == (20, [200] * 20)
    assert min(each.seconds for each in answered) >= 0.05


async def test_a_refusal_is_an_answer():
    app = web.Application()
    async with TestServer(app) as server, aiohttp.ClientSession(str(server.make_url("/"))) as session:
        [answered] = await steady(session, iter([Ask("GET", "/x")]), 1, 1.0)
    assert (answered.status, answered.is_ok) == (404, False)


async def test_a_refusal_within_an_answer_of_200_is_one():
    async def answer(_request):
        return web.json_response({"status_code": 210})

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server, aiohttp.ClientSession(str(server.make_url("/"))) as session:
        asks = (Ask("GET", "/", holds=b'"status_code": %d' % code) for code in (200, 210))
        answered = await steady(session, asks, 2, 1.0)
    assert [each.is_ok for each in answered] == [False, True]


async def test_a_connection_that_is_refused_is_an_answer_too():
    async with aiohttp.ClientSession(f"http://127.0.0.1:{free_port()}") as session:
        [answered] = await steady(session, iter([Ask("GET", "/")]), 1, 1.0)
    assert (answered.status, answered.is_ok) == (0, False)
