"""Other senders for Python, run as `make bench` does."""

import pytest

from benchmarks.contestant import Unavailable, child
from benchmarks.peers.table import HTTPS_PORT, webpush_rs_is_ready
from tests.benchmarks.peers.support import assert_each_got_its_text_once, decrypting_service
from tests.harness.requirements import forgo, require


async def sends_each_push_once(name, folder, port=0):
    async with decrypting_service(folder, port) as (service, task):
        given = {"ca": str(task.ca), "subscriptions": task.subscriptions, "in_flight": task.in_flight}
        cost = await child("benchmarks.peers.python", name, task=given)
    assert_each_got_its_text_once(service, task)
    assert 10 < cost < 100_000


@pytest.mark.parametrize("name", ["pywebpush async", "pywebpush sync"])
async def test_pywebpush_sends_each_push_once_and_tells_its_cost(name, tmp_path):
    await sends_each_push_once(name, tmp_path)


async def test_webpush_rs_sends_each_push_once_and_tells_its_cost(tmp_path):
    require("webpush-rs")
    try:
        webpush_rs_is_ready()
    except Unavailable as reason:
        forgo("webpush-rs", str(reason))
    await sends_each_push_once("webpush-rs", tmp_path, HTTPS_PORT)
