"""What a big stretched campaign costs in memory.

    python -m benchmarks.memory [--small 100000] [--big 1000000] [--seconds 150] [--broker tansu]

Writes a campaign stretched over an hour (with `slice`, 100 recipients a record), lets one worker accept it
and send for `--seconds`, and reads the worker's peak resident memory (VmHWM): first a small campaign, then a
big one, each with a worker and a broker of its own. The peak must not grow with the campaign.
The worker first sends 10,000 at once, so that memory that grows with the pushes in flight, above all for
connections (50 KiB each), is included in both. Each topic has one partition, so that even the small campaign
fills the one fetch that a partition may hold. By default it runs against tansu, since noida-db returns a
partition's whole backlog in one answer.
"""

import argparse
import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.brokers import CHOICES, Broker, running
from tests.harness.upstream import campaign
from tests.harness.waiting import until_seen
from tests.harness.worker_process import WorkerProcess, memory_kib
from tests.harness.world import World
from worker.simulator.service import SimulatedPushService

STRETCH_SECONDS = 3600.0
WARM_UP = 10_000


@dataclass(frozen=True)
class Result:
    """The figures of a run.

    Attributes:
        warm: Peak resident memory before the campaign, MiB.
        peak: Peak resident memory at the end, MiB.
        deferred: Recipients written to a tier, counted each time.
        sent: Recipients that were sent.
    """

    warm: float
    peak: float
    deferred: float
    sent: float


async def run(recipients: int, seconds: float, broker_name: str) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running(broker_name) as broker,
            World(broker.address, Path(folder), "bench", partitions=1) as world,
            world.push_service(keep="none", decrypt_every=0) as service,
        ):
            return await _campaign(world, service, recipients, seconds, broker)


async def _campaign(
    world: World, service: SimulatedPushService, recipients: int, seconds: float, broker: Broker
) -> Result:
    worker = await world.start_worker(service, **broker.environment)
    subscriptions = service.subscribe(1000)
    await world.produce(*campaign(subscriptions, WARM_UP, name="warm", sliced=True))
    await until_seen(lambda: worker.metric("pushmill_outcomes_total") >= WARM_UP, "the warm-up is sent", 120)
    warm = _peak(worker)
    await world.produce(*campaign(subscriptions, recipients, sliced=True, stretch_time=STRETCH_SECONDS))
    await asyncio.sleep(seconds)
    deferred = worker.metric("pushmill_deferred_recipients_total", reason="not_due")
    assert deferred > 0.9 * recipients, "the worker has not accepted the whole campaign: increase --seconds"
    return Result(warm, _peak(worker), deferred, worker.metric("pushmill_outcomes_total"))


def _peak(worker: WorkerProcess) -> float:
    return memory_kib(worker.pid, "VmHWM") / 1024


async def main() -> None:
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
