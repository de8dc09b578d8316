"""A small site beside a huge one: how long its 1,000 recipients wait while another's million are under way.

The whole path: a launcher, a collector, a worker with its defaults, and a simulated push service, on cores
that all of them share.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.campaigns.audiences import add_sendable_audience
from benchmarks.campaigns.findings import Bound, Finding
from benchmarks.campaigns.surroundings import FEW, Surroundings
from crypto.vapid import generate_vapid_key
from tests.harness.audiences import add_site
from tests.harness.simulator import Subscriptions, push_services
from tests.harness.world import World

SUBSCRIPTIONS = 1_000
UNDER_WAY = 20_000
"""Outcomes of the big launch before the small one begins: its launcher knows its pace by then."""

SENT = "SELECT coalesce(sum(count), 0) >= $2 FROM launch_count WHERE launch = $1 AND status = 'sent'"
COUNTED = "SELECT coalesce(sum(count), 0) >= $2 FROM launch_count WHERE launch = $1"
OPEN = "SELECT state = 'writing' FROM launch WHERE id = $1"
ALL_COUNTED = """
SELECT written <= (SELECT coalesce(sum(count), 0) FROM launch_count WHERE launch = $1)
FROM launch WHERE id = $1
"""


async def neighbours(around: Surroundings) -> list[Finding]:
    """Measure from the small launch until the last of its pushes is counted as sent: at most 60 s."""
    world, size = await around.world(), around.options.recipients
    async with push_services(around.folder / "push-service") as [service]:
        subscriptions = service.subscribe(SUBSCRIPTIONS)
        big = await _add_site(around, world, "bench-big", size, subscriptions)
        small = await _add_site(around, world, "bench-small", FEW, subscriptions)
        worker = await world.start_worker(
            service, PUSHMILL_CA_FILE=str(service.ca), PUSHMILL_LOG_LEVEL="warning"
        )
        async with around.service("launcher", "collector"):
            seconds = [await _turn(around, big, small) for _ in range(around.options.turns)]
        await worker.kill()
    return [Finding(f"{FEW:,} recipients beside {size:,}", "s until all are sent", seconds, Bound(60.0))]


async def _add_site(
    around: Surroundings, world: World, name: str, size: int, subscriptions: Subscriptions
) -> int:
    (world.folder / "vapid" / f"{name}.pem").write_bytes(generate_vapid_key().to_pem())
    async with around.database.transaction() as connection:
        number = await add_site(connection, key=name)
    await add_sendable_audience(around.database, number, size, subscriptions, key=name)
    return number


async def _turn(around: Surroundings, big: int, small: int) -> float:
    async with _under_way(around, big) as launch:
        began = time.perf_counter()
        await around.until(SENT, await around.launch(small, stretch_time=0.0), FEW)
        took = time.perf_counter() - began
        if not await around.ask(OPEN, launch):
            raise RuntimeError("the big launch was written before the small one was sent: give it more")
    return took


@asynccontextmanager
async def _under_way(around: Surroundings, site: int) -> AsyncIterator[int]:
    """Let a launch be sent while the block runs; then cancel it, and wait until nothing of it is left."""
    launch = await around.launch(site, stretch_time=0.0)
    await around.until(COUNTED, launch, min(UNDER_WAY, around.options.recipients // 10))
    yield launch
    await around.cancel_launches()
    await around.until(ALL_COUNTED, launch)
