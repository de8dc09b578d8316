"""How evenly a stretched campaign is sent: earliest push, gap to the plan, lateness.

    python -m benchmarks.spread [--recipients 20000] [--stretch 60]

Real worker processes, the embedded broker, and one simulated push service over TLS in this process. Every
line is a separate run. The gap is the largest difference, at any moment, between the planned and the actual
share of the campaign that has been sent; lateness is a push's arrival minus its due time. Other load on the
machine affects the figures.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.upstream import campaign, moment
from tests.harness.world import World
from worker.demo.broker import EmbeddedBroker
from worker.records.recipient import EncodedKeys, Recipient
from worker.records.recipient import Subscription as JobSubscription
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription
from worker.timing.schedule import Plan, times

LEAD_SECONDS = 8.0


@dataclass(frozen=True)
class Case:
    sliced: bool
    partitions: int
    workers: int
    kill: bool = False


CASES = (
    Case(sliced=True, partitions=1, workers=1),
    Case(sliced=True, partitions=8, workers=1),
    Case(sliced=True, partitions=8, workers=3),
    Case(sliced=False, partitions=1, workers=1),
    Case(sliced=False, partitions=8, workers=1),
    Case(sliced=False, partitions=8, workers=3),
    Case(sliced=True, partitions=8, workers=1, kill=True),
)


@dataclass(frozen=True)
class Result:
    sent: int
    repeats: int
    earliest: float
    gap: float
    p50: float
    p99: float


async def run(case: Case, recipients: int, stretch: float) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            EmbeddedBroker() as broker,
            World(broker.address, Path(folder), "bench", partitions=case.partitions) as world,
            world.push_service(keep="digest", decrypt_every=0) as service,
        ):
            return await _campaign(world, service, case, recipients, stretch)


async def _campaign(
    world: World, service: SimulatedPushService, case: Case, recipients: int, stretch: float
) -> Result:
    for number in range(case.workers):
        await world.start_worker(service, number=number)
    await asyncio.sleep(2 if case.workers > 1 else 0)  # a join ends the embedded broker's generation at once
    subscriptions = service.subscribe(recipients)
    start = time.time() + LEAD_SECONDS
    when = {"start_at": moment(start), "stretch_time": stretch}
    await world.produce(*campaign(subscriptions, sliced=case.sliced, **when))
    due = _due(subscriptions, start, stretch, sliced=case.sliced)
    if case.kill:
        await asyncio.sleep(start + stretch / 2 - time.time())
        await world.workers[0].kill()
        await world.workers[0].start()
    limit = start + stretch + 60
    while _missing(service, recipients) and time.time() < limit:  # noqa: ASYNC110 - other processes send
        await asyncio.sleep(0.2)
    return _judge(service, due, recipients)


def _missing(service: SimulatedPushService, recipients: int) -> int:
    return recipients - (service.stats.taken - service.repeats())


_NOWHERE = JobSubscription("", EncodedKeys("", ""))  # due times do not depend on it


def _due(
    subscriptions: Sequence[Subscription], start: float, stretch: float, *, sliced: bool
) -> dict[str, float]:
    plan = Plan(start, stretch, 0, len(subscriptions) if sliced else 0, 0, float("inf"), "camp")
    return {
        each.token: times(plan, Recipient(f"r{number}", _NOWHERE), number).due
        for number, each in enumerate(subscriptions)
    }


def _judge(service: SimulatedPushService, due: dict[str, float], recipients: int) -> Result:
    arrived: dict[str, float] = {}
    for push in service.all_pushes():
        arrived.setdefault(push.token, push.at)
    late = sorted(at - due[token] for token, at in arrived.items())
    return Result(
        sent=len(arrived),
        repeats=service.repeats(),
        earliest=late[0],
        gap=_gap(sorted(due.values()), sorted(arrived.values())) / recipients,
        p50=statistics.median(late),
        p99=late[int(0.99 * (len(late) - 1))],
    )


def _gap(planned: list[float], actual: list[float]) -> int:
    """Return the largest difference, at any moment, between the pushes due and the pushes arrived."""
    largest = done = 0
    for number, at in enumerate(planned):
        while done < len(actual) and actual[done] <= at:
            done += 1
        largest = max(largest, abs(number - done))
    return largest


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--stretch", type=float, default=60.0)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the cases, from 0")
    options = parser.parse_args()
    print("slice  partitions  workers  kill   sent    repeats  earliest  largest gap  p50 late  p99 late")
    for number, case in enumerate(CASES):
        if options.only and number not in options.only:
            continue
        result = await run(case, options.recipients, options.stretch)
        print(_line(case, result), flush=True)


def _line(case: Case, result: Result) -> str:
    return (
        f"{'yes' if case.sliced else 'no':5}  {case.partitions:10}  {case.workers:7}  "
        f"{'yes' if case.kill else 'no':4}  {result.sent:6,}  {result.repeats:7,}  "
        f"{result.earliest * 1000:5.1f} ms  {result.gap:10.2%}  "
        f"{result.p50 * 1000:5.0f} ms  {result.p99 * 1000:5.0f} ms"
    )


if __name__ == "__main__":
    asyncio.run(main())
