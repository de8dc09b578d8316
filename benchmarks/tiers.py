"""Bytes fetched from the tiers, against the bytes in them.

    python -m benchmarks.tiers [--recipients 50000] [--stretch 240]

A stretched campaign, sent to its end by one worker on tansu, through a relay that counts what the broker
answers. Afterwards a plain consumer reads jobs and tiers once, through the same relay: that is what is in
them. What the worker fetched beyond the jobs came out of the tiers, or was fetched in vain; heartbeats, empty
answers and the control topic count as well.
"""

import argparse
import asyncio
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer

from benchmarks.brokers import running
from benchmarks.relay import Relay
from tests.harness.world import World, job, recipient, until
from worker.records.topics import TIERS
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription

QUIET_SECONDS = 5.0


@dataclass(frozen=True)
class Result:
    """Bytes, as the broker sends them: compressed.

    Attributes:
        jobs: In the jobs.
        tiers: In the tiers.
        fetched: By the worker, jobs and all.
    """

    jobs: int
    tiers: int
    fetched: int

    @property
    def ratio(self) -> float:
        """Bytes fetched from the tiers for each byte in them."""
        return (self.fetched - self.jobs) / self.tiers


async def run(recipients: int, stretch: float, partitions: int, *, sliced: bool) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        async with Relay() as relay, running("tansu", relay) as broker:
            prefix = f"bench-{uuid.uuid4().hex[:8]}."
            world = World(broker.address, prefix, Path(folder), partitions=partitions)
            await world.prepare()
            context = world.certificates.server_context()
            async with SimulatedPushService(
                "fcm", ssl_context=context, keep="none", decrypt_every=0
            ) as service:
                try:
                    subscriptions = service.subscribe(1000)
                    await world.produce(*_jobs(subscriptions, recipients, stretch, sliced=sliced))
                    before = relay.bytes_to_clients
                    worker = await world.start_worker(service, **broker.environment)
                    sent = "pushmill_outcomes_total"
                    await until(lambda: worker.metric(sent) >= recipients, "all is sent", stretch + 120)
                    fetched = relay.bytes_to_clients - before
                finally:
                    await world.close()
            jobs = await _in(relay, broker.address, [prefix + "jobs"])
            tiers = await _in(relay, broker.address, [f"{prefix}{tier.topic}" for tier in TIERS])
            return Result(jobs, tiers, fetched)


async def _in(relay: Relay, address: str, topics: list[str]) -> int:
    """Bytes that a consumer is sent which reads everything once, and pauses nothing."""
    before = relay.bytes_to_clients
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        while await consumer.getmany(timeout_ms=int(QUIET_SECONDS * 1000)):
            pass
    finally:
        await consumer.stop()
    return relay.bytes_to_clients - before


def _jobs(
    subscriptions: list[Subscription], recipients: int, stretch: float, *, sliced: bool
) -> Iterator[dict[str, Any]]:
    for first in range(0, recipients, 100):
        people = [recipient(f"r{n}", subscriptions[n % 1000]) for n in range(first, first + 100)]
        part = {"slice": {"first": first, "total": recipients}} if sliced else {}
        yield job(f"j{first}", people, stretch_time=stretch, **part)


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipients", type=int, default=50_000)
    parser.add_argument("--stretch", type=float, default=240.0)
    options = parser.parse_args()
    print("slice  partitions  in jobs, MB  in tiers, MB  fetched, MB  tiers: fetched / in them")
    for sliced, partitions in ((True, 1), (True, 8), (False, 8)):
        result = await run(options.recipients, options.stretch, partitions, sliced=sliced)
        print(
            f"{'yes' if sliced else 'no':5}  {partitions:10}  {result.jobs / 1e6:11.1f}  "
            f"{result.tiers / 1e6:12.1f}  {result.fetched / 1e6:11.1f}  {result.ratio:24.2f}",
            flush=True,
        )


if __name__ == "__main__":
    asyncio.run(main())
