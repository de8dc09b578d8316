"""Bytes fetched from the tiers, compared with the bytes in them.

    python -m benchmarks.tiers [--recipients 50000] [--stretch 240]

One worker on tansu sends a stretched campaign to its end, through a relay that counts the broker's answers.
Then a plain consumer reads jobs and tiers once through the same relay, which gives their size. Everything
that the worker fetched beyond the jobs came from the tiers or was fetched in vain; heartbeats, empty answers
and the control topic count as well.
"""

import argparse
import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from benchmarks.brokers import running
from benchmarks.relay import Relay
from tests.harness.upstream import campaign
from tests.harness.waiting import until_seen
from tests.harness.world import World
from worker.records.topics import TIERS

QUIET_SECONDS = 5.0


@dataclass(frozen=True)
class Result:
    """Bytes as the broker sends them: compressed.

    Attributes:
        jobs: Size of the jobs.
        tiers: Size of the tiers.
        fetched: Fetched by the worker, jobs included.
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
        async with (
            Relay() as relay,
            running("tansu", relay) as broker,
            World(broker.address, Path(folder), "bench", partitions=partitions) as world,
        ):
            async with world.push_service(keep="none", decrypt_every=0) as service:
                subscriptions = service.subscribe(1000)
                jobs = campaign(subscriptions, recipients, sliced=sliced, stretch_time=stretch)
                await world.produce(*jobs)
                before = relay.bytes_to_clients
                worker = await world.start_worker(service, **broker.environment)
                sent = "pushmill_outcomes_total"
                await until_seen(lambda: worker.metric(sent) >= recipients, "all is sent", stretch + 120)
                fetched = relay.bytes_to_clients - before
            await world.kill_workers()
            return Result(
                jobs=await _size(relay, world, ["jobs"]),
                tiers=await _size(relay, world, [tier.topic for tier in TIERS]),
                fetched=fetched,
            )


async def _size(relay: Relay, world: World, topics: list[str]) -> int:
    """Return how many bytes a consumer is sent that reads some topics once and pauses nothing."""
    before = relay.bytes_to_clients
    names = [world.prefix + topic for topic in topics]
    consumer = AIOKafkaConsumer(*names, bootstrap_servers=world.broker, auto_offset_reset="earliest")
    await consumer.start()
    try:
        while await consumer.getmany(timeout_ms=int(QUIET_SECONDS * 1000)):
            pass
    finally:
        await consumer.stop()
    return relay.bytes_to_clients - before


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
