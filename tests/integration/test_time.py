"""Spreading, waiting, pausing and cancelling, with real processes and the real clock."""

import asyncio
import statistics
import sys
import time

import pytest

from tests.harness.upstream import Outcomes, campaign, job, moment, recipient
from tests.harness.waiting import until, until_seen, until_told
from tests.harness.worker_process import ROOT
from tests.harness.world import World
from worker.simulator.service import SimulatedPushService

RECIPIENTS = 600
EARLY = 0.002
"""Seconds by which two processes' readings of one clock may differ."""


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
    world: World,
    service: SimulatedPushService,
    start: float,
    stretch: float,
    *,
    sliced: bool,
    name: str = "camp",
) -> dict:
    """Write a campaign to `RECIPIENTS`, 50 a record; return each subscription's position in it."""
    subscriptions = service.subscribe(RECIPIENTS)
    when = {"start_at": moment(start), "stretch_time": stretch}
    await world.produce(*campaign(subscriptions, name=name, per_record=50, sliced=sliced, **when))
    return {each.token: number for number, each in enumerate(subscriptions)}


async def test_stretched_campaigns_are_spread_evenly_and_hold_up_nobody(world: World, service):
    await world.start_worker(service)
    start, stretch = time.time() + 4, 24.0
    by_slice = await stretched(world, service, start, stretch, sliced=True, name="sliced")
    by_hash = await stretched(world, service, start, stretch, sliced=False, name="hashed")
    [behind] = service.subscribe(1)
    await world.produce(job("now", [recipient("behind", behind)]))
    await until(lambda: bool(service.pushes(behind)), "a job behind it goes out at once", 10)
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(2 * RECIPIENTS + 1)
    assert {outcome["status"] for [outcome] in found.values()} == {"sent"}
    counted = {
        "sliced": RECIPIENTS,
        "hashed": 50,
    }  # a slice's numbers go through the campaign, a job's do not
    for (job_id, name), [outcome] in found.items():
        kind = job_id.partition("-")[0]
        assert outcome["number"] == (int(name[1:]) % counted[kind] if kind in counted else 0)
    arrivals = {push.token: push.at for push in service.all_pushes()}
    assert min(arrivals[token] for token in by_hash) >= start - EARLY
    for token, place in by_slice.items():
        assert arrivals[token] >= start + stretch * place / RECIPIENTS - EARLY
    # A hash is only so even with 600 recipients. A busy machine may stall for seconds, which shows in the
    # largest gap; records sent as a whole, or in the rhythm of a tier, show in the median.
    for places, usual in ((by_slice, 0.02), (by_hash, 0.06)):
        moments = sorted(arrivals[token] for token in places)
        gaps = [abs((at - start) / stretch - done / RECIPIENTS) for done, at in enumerate(moments)]
        assert statistics.median(gaps) < usual
        assert max(gaps) < 0.25


async def test_what_is_due_later_goes_through_a_tier_and_survives_a_restart(world: World, service):
    [subscription] = service.subscribe(1)
    worker = await world.start_worker(service)
    due = time.time() + 20
    await world.produce(job("later", [recipient("r", subscription)], start_at=moment(due)))
    await until_seen(
        lambda: worker.metric("pushmill_deferred_recipients_total", tier="10s") == 1, "it goes to its tier"
    )
    # Before the checkpoint, a kill may repeat it: its record would be read and go to the tier again.
    await until_seen(
        lambda: worker.metric("pushmill_checkpoint_duration_seconds_count") >= 1, "its checkpoint is made"
    )
    await worker.kill()
    await worker.start()
    ready = time.time()
    async with Outcomes(world) as outcomes:
        [[outcome]] = (await outcomes.of(1)).values()
    [push] = service.pushes(subscription)
    assert due - EARLY <= push.at < max(due, ready) + 5  # a start may take longer than that on a busy machine
    assert (outcome["status"], outcome["attempts"]) == ("sent", 1)


@pytest.mark.timeout(300)  # more than a minute of it is waiting for a tier; a busy machine adds as much
async def test_a_campaign_is_paused_resumed_and_cancelled_within_seconds(world: World, service):
    workers = [await world.start_worker(service, number=number) for number in range(2)]
    await until_seen(lambda: all(worker.status("/readyz") == 200 for worker in workers), "both are ready")
    start, stretch = time.time() + 1, 60.0
    await stretched(world, service, start, stretch, sliced=True)
    await until(lambda: service.stats.taken > 25, "it is under way")
    assert await command(world, "control", "pause", "camp") == (
        0,
        "camp is paused; its planned times have moved by 0.0 s\n",
    )
    await asyncio.sleep(5)
    paused_at = service.stats.taken
    await asyncio.sleep(4)
    assert service.stats.taken == paused_at
    status, said = await command(world, "control", "resume", "camp")
    assert (status, said.split(";")[0]) == (0, "camp is running")
    await until(lambda: service.stats.taken > paused_at + 25, "it goes on")
    assert service.stats.taken < paused_at + 80  # at its pace, not in a burst
    assert (await command(world, "control", "cancel", "camp"))[0] == 0
    await asyncio.sleep(5)
    cancelled_at = service.stats.taken
    assert (await command(world, "control", "resume", "camp"))[0] == 1
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS, 120)
    statuses = [outcome["status"] for [outcome] in found.values()]
    assert (statuses.count("sent"), statuses.count("cancelled")) == (cancelled_at, RECIPIENTS - cancelled_at)
    assert service.stats.taken == cancelled_at
    expected = (str(RECIPIENTS), str(RECIPIENTS - cancelled_at))

    async def counted() -> bool:  # counts are written beside outcomes, and may come after them
        status, table = await command(world, "control", "stats", "camp")
        assert status == 0
        rows = [line.rsplit(maxsplit=1) for line in table.splitlines()[1:] if line.strip()]
        counts = {name.strip(): count for name, count in rows}
        return (counts.get("accepted"), counts.get("cancelled")) == expected

    await until_told(counted, "all are counted")
