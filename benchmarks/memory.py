"""What a big stretched campaign costs in memory.

    python -m benchmarks.memory [--small 100000] [--big 1000000] [--seconds 150] [--broker tansu]

Writes a campaign that is stretched over an hour (with `slice`, 100 recipients a record), lets one worker
take it in and send for `--seconds`, and reads the worker's peak resident memory (VmHWM); first the small one,
then the big one, each with a worker and a broker of its own. Nothing of it may grow with the campaign.
Before it the worker sends 10,000 at once, so that what grows with the pushes in flight, connections above
all (50 KiB each), is there in both. One partition a topic, so that the small campaign, too, fills the one
fetch that each may hold. By default against tansu, since noida-db hands out a partition's whole backlog in
one answer.
"""

import argparse
import asyncio
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.brokers import CHOICES, Broker, running
from tests.harness.world import WorkerProcess, World, job, recipient, until
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription

STRETCH_SECONDS = 3600.0
WARM_UP = 10_000


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        warm: Peak resident memory before the campaign, MiB.
        peak: Peak resident memory at the end, MiB.
        deferred: Recipients that went into a tier, each as often as it did.
        sent: Recipients that were sent.
    """

    warm: float
    peak: float
    deferred: float
    sent: float


async def run(recipients: int, seconds: float, broker_name: str) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        async with running(broker_name) as broker:
            world = World(broker.address, f"bench-{uuid.uuid4().hex[:8]}.", Path(folder), partitions=1)
            await world.prepare()
            context = world.certificates.server_context()
            async with SimulatedPushService(
                "fcm", ssl_context=context, keep="none", decrypt_every=0
            ) as service:
                try:
                    return await _campaign(world, service, recipients, seconds, broker)
                finally:
                    await world.close()


async def _campaign(
    world: World, service: SimulatedPushService, recipients: int, seconds: float, broker: Broker
) -> Result:
    worker = await world.start_worker(service, **broker.environment)
    subscriptions = service.subscribe(1000)
    await world.produce(*_jobs("warm", subscriptions, WARM_UP, {}))
    await until(lambda: worker.metric("pushmill_outcomes_total") >= WARM_UP, "the warm-up is sent", 120)
    warm = _peak(worker)
    await world.produce(*_jobs("camp", subscriptions, recipients, {"stretch_time": STRETCH_SECONDS}))
    await asyncio.sleep(seconds)
    deferred = worker.metric("pushmill_deferred_recipients_total", reason="not_due")
    assert deferred > 0.9 * recipients, "not everything was taken in: --seconds is too short"
    return Result(warm, _peak(worker), deferred, worker.metric("pushmill_outcomes_total"))


def _peak(worker: WorkerProcess) -> float:
    assert worker.process
    status = Path(f"/proc/{worker.process.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _jobs(
    name: str, subscriptions: list[Subscription], recipients: int, when: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for first in range(0, recipients, 100):
        people = [recipient(f"r{n}", subscriptions[n % 1000]) for n in range(first, first + 100)]
        part = {"first": first, "total": recipients}
        yield job(f"{name}-{first}", people, campaign_id=name, slice=part, **when)


async def main() -> None:
    """Measure both, and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--big", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--broker", choices=CHOICES, default="tansu")
    options = parser.parse_args()
    peaks = []
    for recipients in (options.small, options.big):
        result = await run(recipients, options.seconds, options.broker)
        peaks.append(result.peak)
        print(
            f"{recipients:9,} recipients   warm {result.warm:6.1f} MiB   peak {result.peak:6.1f} MiB   "
            f"into tiers {result.deferred:9,.0f}   sent {result.sent:6,.0f}",
            flush=True,
        )
    print(f"ratio {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    asyncio.run(main())
