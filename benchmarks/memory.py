"""What a big stretched campaign costs in memory, and in bytes read from the tiers.

    python -m benchmarks.memory [--small 100000] [--big 1000000] [--broker tansu]

Writes a campaign that is stretched over an hour (with `slice`, 100 recipients a record), lets one worker
take it in, and reads the worker's peak resident memory (VmHWM) once every recipient is in a tier or sent;
first the small one, then the big one, each with a worker and a broker of its own. Nothing of it may grow with
the campaign. One partition a topic, so that the small campaign, too, fills the one fetch that each may hold.
By default against tansu, since noida-db hands out a partition's whole backlog in one answer.
"""

import argparse
import asyncio
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.brokers import CHOICES, Broker, running
from tests.integration.support import WorkerProcess, World, job, recipient
from worker.demo.push_service import PushService
from worker.demo.push_service_subscriptions import Subscription
from worker.schedule import moment

STRETCH_SECONDS = 3600.0
LIMIT_SECONDS = 900.0


async def run(recipients: int, broker_name: str) -> tuple[float, float]:
    """The worker's peak resident memory in MiB, and the seconds until everything was in its tier."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(broker_name) as broker:
            world = World(broker.address, f"bench-{uuid.uuid4().hex[:8]}.", Path(folder), partitions=1)
            await world.prepare()
            context = world.certificates.server_context()
            async with PushService("fcm", ssl_context=context, keep="none", decrypt_every=0) as service:
                try:
                    return await _campaign(world, service, recipients, broker)
                finally:
                    await world.close()


async def _campaign(
    world: World, service: PushService, recipients: int, broker: Broker
) -> tuple[float, float]:
    await world.produce(*_jobs(service.subscribe(1000), recipients, time.time()))
    began = time.monotonic()
    worker = await world.start_worker(service, **broker.environment)
    while _settled(worker) < recipients and time.monotonic() < began + LIMIT_SECONDS:  # noqa: ASYNC110
        await asyncio.sleep(1)  # the worker is another process: there is no event to wait for
    return _peak(worker), time.monotonic() - began


def _settled(worker: WorkerProcess) -> float:
    """Recipients that are in a tier for the first time, sent, or in memory: all have come in."""
    sent = worker.metric("pushmill_outcomes_total")
    return worker.metric("pushmill_deferred_recipients_total", reason="not_due") + sent


def _peak(worker: WorkerProcess) -> float:
    assert worker.process
    status = Path(f"/proc/{worker.process.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _jobs(subscriptions: list[Subscription], recipients: int, start: float) -> Iterator[dict[str, Any]]:
    when = {"start_at": moment(start).isoformat(), "stretch_time": STRETCH_SECONDS}
    for first in range(0, recipients, 100):
        people = [recipient(f"r{n}", subscriptions[n % 1000]) for n in range(first, first + 100)]
        yield job(f"j{first}", people, slice={"first": first, "total": recipients}, **when)


async def main() -> None:
    """Measure both, and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--big", type=int, default=1_000_000)
    parser.add_argument("--broker", choices=CHOICES, default="tansu")
    options = parser.parse_args()
    peaks = []
    for recipients in (options.small, options.big):
        peak, seconds = await run(recipients, options.broker)
        peaks.append(peak)
        print(
            f"{recipients:9,} recipients   peak {peak:6.1f} MiB   all taken in after {seconds:5.1f} s",
            flush=True,
        )
    print(f"ratio {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    asyncio.run(main())
