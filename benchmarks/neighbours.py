"""How much trouble at one customer or push service costs another.

    python -m benchmarks.neighbours [--recipients 6000] [--rounds 3]

A good site sends at its own pace (recipients over 15 s) to a push service that answers after 20 ms. The
benchmark measures the time from its first push to its last, and how late its pushes are: alone; beside a site
on the same push service with as many recipients, all due at once, whose pushes are all answered 429; beside
a push service that answers after 3 s. The three take turns; medians are printed, and the ratio to running
alone. Worker, broker and push services share two cores: this is about politeness, not about a lack of CPU.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.harness.upstream import campaign, moment
from tests.harness.waiting import until
from tests.harness.world import World
from worker.demo.broker import EmbeddedBroker
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription

ALONE, THROTTLED, SLOW = "alone", "beside a throttled site", "beside a slow push service"
LIMIT_SECONDS = 120.0
LEAD_SECONDS = 5.0
STRETCH_SECONDS = 15.0


async def run(case: str, recipients: int) -> tuple[float, float]:
    """Return the seconds from the good site's first push to its last, and its 99th percentile of lateness."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            EmbeddedBroker() as broker,
            World(broker.address, Path(folder), "bench") as world,
            world.push_service(decrypt_every=0, faults=Faults(latency=0.02)) as good,
            world.push_service(decrypt_every=0, seed=1, faults=Faults(latency=3)) as slow,
        ):
            return await _campaigns(world, good, slow, case, recipients)


async def _campaigns(
    world: World, good: SimulatedPushService, slow: SimulatedPushService, case: str, recipients: int
) -> tuple[float, float]:
    await world.start_worker(good, slow)
    ours = good.subscribe(recipients)
    start = time.time() + LEAD_SECONDS
    jobs = [_jobs("good", ours, start, STRETCH_SECONDS)]
    if case == THROTTLED:
        theirs = good.subscribe(recipients)
        for each in theirs:
            good.script(each, [ScriptedAnswer(429, retry_after=30)] * 8)
        jobs.append(_jobs("throttled", theirs, start, 0))
    if case == SLOW:
        jobs.append(_jobs("slow", slow.subscribe(recipients), start, 0))
    await world.produce(*(job for side_by_side in zip(*jobs, strict=True) for job in side_by_side))
    due = {each.token: start + STRETCH_SECONDS * n / recipients for n, each in enumerate(ours)}
    await until(lambda: _arrived(good, due) >= recipients, "the good site is done", LIMIT_SECONDS)
    arrived = [(push.at, push.at - due[push.token]) for push in good.all_pushes() if push.token in due]
    late = sorted(lateness for _, lateness in arrived)
    return max(arrived)[0] - min(arrived)[0], late[int(0.99 * (len(late) - 1))]


def _arrived(service: SimulatedPushService, due: dict[str, float]) -> int:
    enough = service.stats.taken >= len(due)  # before that, counting is a waste of time
    return sum(push.token in due for push in service.all_pushes()) if enough else 0


def _jobs(
    site: str, subscriptions: Sequence[Subscription], start: float, stretch: float
) -> Iterator[dict[str, Any]]:
    when = {"start_at": moment(start), "stretch_time": stretch}
    return campaign(subscriptions, name=site, sliced=True, site_id=site, **when)


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipients", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {ALONE: [], THROTTLED: [], SLOW: []}
    for _ in range(options.rounds):
        for case, results in found.items():
            results.append(await run(case, options.recipients))
    base = statistics.median(seconds for seconds, _ in found[ALONE])
    for case, results in found.items():
        median = statistics.median(seconds for seconds, _ in results)
        late = statistics.median(late for _, late in results)
        spread = ", ".join(f"{seconds:.2f}" for seconds, _ in results)
        ratio = f"{median / base - 1:+7.2%}"
        print(f"{case:28} {median:6.2f} s  {ratio}   p99 late {late * 1000:4.0f} ms   ({spread})")


if __name__ == "__main__":
    asyncio.run(main())
