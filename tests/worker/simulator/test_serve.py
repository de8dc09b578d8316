import asyncio
import json
import ssl

import aiohttp
import pytest

from tests.harness.waiting import until
from worker.simulator.answers import Fault
from worker.simulator.serve import HELP, SimulateOptions, simulate


async def started(options, lines):
    task = asyncio.create_task(simulate(options, lines.append))
    await until(lambda: task.done() or any("Ctrl-C" in line for line in lines))
    assert not task.done(), task.result()
    return task


async def stopped(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_serves_writes_its_files_and_sums_up(tmp_path):
    lines = []
    options = SimulateOptions(profiles=("fcm", "wns"), folder=tmp_path / "new", subscriptions=5)
    task = await started(options, lines)
    written = [json.loads(line) for line in (tmp_path / "new/subscriptions.jsonl").read_text().splitlines()]
    assert ["%2f" in item["endpoint"] for item in written] == [False, True, False, True, False]
    context = ssl.create_default_context(cafile=tmp_path / "new/ca.pem")
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http,
        http.post(written[0]["endpoint"]) as response,
    ):
        assert response.status == 400
    await until(lambda: "1 push," in lines[-1])
    await stopped(task)
    text = "\n".join(lines)
    assert f"PUSHMILL_CA_FILE={tmp_path / 'new/ca.pem'}" in text
    assert "PUSHMILL_ENDPOINT_HOSTS=localhost:" in text
    assert "PUSHMILL_ALLOW_PRIVATE_ENDPOINTS=true" in text
    assert "ttl_missing: 1" in lines[-1]


def test_options():
    options = SimulateOptions(fault=("410=0.5:sticky",), latency=0.25, seed=9)
    assert (options.faults.seed, options.faults.latency) == (9, 0.25)
    assert options.faults.shares[0].fault is Fault.GONE
    assert set(HELP) == set(SimulateOptions.__dataclass_fields__) - {"faults"}


@pytest.mark.parametrize("values", [{"profiles": ("gcm",)}, {"profiles": ()}, {"fault": ("gone=2",)}])
def test_bad_options_are_refused(values):
    with pytest.raises(ValueError, match=r"profiles must|FAULT=SHARE|share"):
        SimulateOptions(**values)
