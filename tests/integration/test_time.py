"""Spreading, waiting, pausing and cancelling, with real processes and the real clock."""

import asyncio
import sys
import time
from datetime import UTC, datetime

import pytest

from tests.integration.support import ROOT, Outcomes, World, job, recipient, until
from worker.demo.push_service import PushService

RECIPIENTS = 600
EARLY = 0.002
"""Seconds that the two processes' reading of one clock may differ by."""


@pytest.fixture
async def service(world: World):
    async with PushService("fcm", ssl_context=world.certificates.server_context()) as running:
        yield running


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


async def command(world: World, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker.cli",
        *arguments,
        env=world.environment([], 9),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


async def stretched(
    world: World, service: PushService, start: float, stretch: float, *, sliced: bool
) -> dict:
    """Write a campaign of `RECIPIENTS`, 50 a record; gives each subscription's place in it."""
    subscriptions = service.subscribe(RECIPIENTS)
    jobs = []
    for first in range(0, RECIPIENTS, 50):
        part = enumerate(subscriptions[first : first + 50], first)
        more = {"slice": {"first": first, "total": RECIPIENTS}} if sliced else {}
        people = [recipient(f"r{number}", each) for number, each in part]
        jobs.append(job(f"j{first}", people, start_at=moment(start), stretch_time=stretch, **more))
    await world.produce(*jobs)
    return {each.token: number for number, each in enumerate(subscriptions)}


@pytest.mark.parametrize("sliced", [True, False])
async def test_a_stretched_campaign_is_spread_evenly_and_holds_up_nobody(world: World, service, sliced):
    start, stretch = time.time() + 4, 24.0
    places = await stretched(world, service, start, stretch, sliced=sliced)
    [behind] = service.subscribe(1)
    await world.start_worker(service)
    await world.produce(job("now", [recipient("behind", behind)]))
    await until(lambda: bool(service.pushes(behind)), "a job behind it goes out at once", 10)
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS + 1)
    assert {outcome["status"] for [outcome] in found.values()} == {"sent"}
    arrivals = sorted((push.at, places[push.token]) for push in service.all_pushes() if push.token in places)
    assert arrivals[0][0] >= start - EARLY
    if sliced:
        assert all(at >= start + stretch * place / RECIPIENTS - EARLY for at, place in arrivals)
    gaps = [abs((at - start) / stretch - done / RECIPIENTS) for done, (at, _) in enumerate(arrivals)]
    assert max(gaps) < (
        0.05 if sliced else 0.12
    )  # an even hash is still a hash of 600 only; machines are busy


async def test_what_is_due_later_goes_through_a_tier_and_survives_a_restart(world: World, service):
    [subscription] = service.subscribe(1)
    due = time.time() + 26
    await world.produce(job("later", [recipient("r", subscription)], start_at=moment(due)))
    worker = await world.start_worker(service)
    await until(
        lambda: worker.metric("pushmill_deferred_recipients_total", tier="10s") == 1, "it is in its tier"
    )
    await worker.kill()
    await worker.start()
    async with Outcomes(world) as outcomes:
        [[outcome]] = (await outcomes.of(1)).values()
    [push] = service.pushes(subscription)
    assert due - EARLY <= push.at < due + 5
    assert (outcome["status"], outcome["attempts"]) == ("sent", 1)


async def test_a_campaign_is_paused_resumed_and_cancelled_within_seconds(world: World, service):
    workers = [await world.start_worker(service, number=number) for number in range(2)]
    # Both must share the partitions before there is something to lose: see REBALANCES_CLEANLY.
    await until(lambda: all(worker.status("/readyz") == 200 for worker in workers), "both are ready")
    await asyncio.sleep(3)
    start, stretch = time.time() + 2, 60.0
    await stretched(world, service, start, stretch, sliced=True)
    await until(lambda: service.stats.taken > 50, "it is under way")
    assert await command(world, "campaign", "pause", "camp") == (
        0,
        "camp is paused; its planned times have moved by 0.0 s\n",
    )
    await asyncio.sleep(5)
    paused_at = service.stats.taken
    await asyncio.sleep(5)
    assert service.stats.taken == paused_at
    status, said = await command(world, "campaign", "resume", "camp")
    assert (status, said.split(";")[0]) == (0, "camp is running")
    await until(lambda: service.stats.taken > paused_at + 50, "it goes on")
    assert service.stats.taken < paused_at + 200  # at its pace, not in a burst
    assert (await command(world, "campaign", "cancel", "camp"))[0] == 0
    await asyncio.sleep(5)
    cancelled_at = service.stats.taken
    assert (await command(world, "campaign", "resume", "camp"))[0] == 1
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS, 120)
    statuses = [outcome["status"] for [outcome] in found.values()]
    assert (statuses.count("sent"), statuses.count("cancelled")) == (cancelled_at, RECIPIENTS - cancelled_at)
    assert service.stats.taken == cancelled_at
    status, table = await command(world, "campaign", "stats", "camp")
    assert status == 0
    rows = {
        line.rsplit(maxsplit=1)[0].strip(): line.split()[-1]
        for line in table.splitlines()[1:]
        if line.strip()
    }
    assert (rows["accepted"], rows["cancelled"]) == (str(RECIPIENTS), str(RECIPIENTS - cancelled_at))
