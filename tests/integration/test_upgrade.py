"""0.1.0 and this version share a group while an update rolls out, and while it is taken back."""

import time
from pathlib import Path

import pytest

from tests.harness.upstream import Outcomes, job, moment, recipient
from tests.harness.waiting import GENEROUS, until
from tests.harness.worker_process import ROOT
from tests.harness.world import World
from tests.upgrade.release import source
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

RECIPIENTS = 3000
STRETCH = 40.0
TURN = 250
"""Pushes between two replacements."""


@pytest.fixture
def faults() -> Faults:
    """Answers after 20 to 60 ms, so that there is always something in flight."""
    return Faults(seed=1, latency=0.02, jitter=0.04)


@pytest.mark.timeout(400)
async def test_an_update_and_its_way_back_lose_and_repeat_nothing(
    world: World, service: SimulatedPushService, tmp_path: Path
):
    """Each worker is replaced in turn, by the new version and by the old one again, in mid campaign."""
    old = source("0.1.0", tmp_path / "0.1.0")
    subscriptions = service.subscribe(RECIPIENTS)
    for each in subscriptions[::20]:  # these wait in a tier with an attempt made
        service.script(each, [ScriptedAnswer(500), ScriptedAnswer(201)])
    start = moment(time.time())
    people = [recipient(f"r{number}", each) for number, each in enumerate(subscriptions)]
    for first in range(0, RECIPIENTS, 50):
        place = {"first": first, "total": RECIPIENTS}
        due = {"start_at": start, "stretch_time": STRETCH, "slice": place}
        await world.produce(job(f"j{first}", people[first : first + 50], **due))
    workers = [await world.start_worker(service, number=number, source=old) for number in range(2)]
    for version in (ROOT, old, ROOT):
        for worker in workers:
            sent = service.stats.taken
            await until(
                lambda sent=sent: service.stats.taken > min(sent + TURN, RECIPIENTS - 100), "it goes on"
            )
            assert await worker.terminate() == 0, worker.log.read_text()
            worker.source = version
            await worker.start()
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(RECIPIENTS, seconds=2 * GENEROUS)  # a retry waits half a minute
        await outcomes.drain()
    assert {outcome["status"] for each in found.values() for outcome in each} == {"sent"}
    assert {len(each) for each in found.values()} == {1}
    assert (service.stats.taken, service.repeats()) == (RECIPIENTS, 0)
    assert max(outcome["attempts"] for [outcome] in found.values()) > 1
