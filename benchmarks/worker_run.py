"""The worker end to end: jobs in Kafka, pushes over TLS, outcomes in Kafka; CPU of the worker's processes.

    python -m benchmarks.worker_run [--count 10000] [--a-record 100] [--sites 1] [--campaigns 1] [--size 300]
                                    [--services 1] [--processes 1] [--transport httptools] [--texts 0]
                                    [--agreement openssl] [--watch COMMAND]

A real `pushmill run`, measured from the last outcome of the warm-up to the last outcome of all. Then every
recipient must have one outcome and one push. `--watch` starts a command during the measurement, such as a
profiler; `{pid}` in it stands for the worker.
"""

import argparse
import asyncio
import json
import os
import shlex
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.brokers import Broker, running
from crypto.vapid import generate_vapid_key
from tests.harness.simulator import PushServiceClient, Subscriptions, push_services
from tests.harness.upstream import Outcomes
from tests.harness.world import World

TICK = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
BROKER = "tansu"
"""Not noida-db: it keeps an idle consumer busy, in the very process that is measured."""

WARM_UP = 2000
PARTITIONS = 4
PATIENCE = 180.0
SHELL_BYTES = 205
"""Size of a notification's JSON without its text."""


@dataclass(frozen=True)
class Case:
    """A run; `texts` is the number of different notifications in its jobs, 0 for one a campaign."""

    count: int = 10_000
    a_record: int = 100
    sites: int = 1
    campaigns: int = 1
    size: int = 300
    services: int = 1
    processes: int = 1
    transport: str = "httptools"
    agreement: str = "openssl"
    texts: int = 0
    watch: str = ""


@dataclass(frozen=True)
class Result:
    """The figures of a run.

    Attributes:
        cpu: CPU microseconds a notification, all processes of the worker.
        wall: Microseconds a notification on the clock.
        rss: Resident memory at the end in MiB, all processes of the worker.
        handshakes: Connections to the push services, including the warm-up's.
        arrived: Pushes accepted, including the warm-up's.
        repeats: Pushes to a subscription beyond its first.
        wrong: Recipients without exactly one outcome, `sent`.
    """

    cpu: float
    wall: float
    rss: float
    handshakes: int
    arrived: int
    repeats: int
    wrong: int


class OutcomeCount:
    """Counts the recipients in the outcomes read so far; looks at each record once.

    It counts in the raw text: the other core and the memory are for the worker.
    """

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        self._records = 0
        self._recipients = 0

    def recipients(self) -> int:
        new = self._outcomes.records[self._records :]
        self._records += len(new)
        self._recipients += sum(record.value.count(b'"recipient_id"') for record in new)
        return self._recipients


def processes_of(pid: int) -> list[int]:
    """Return the ids of a process and all its descendants."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its descendants, user and system."""
    stats = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in processes_of(pid)]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICK


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process and its descendants."""
    pages = (int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in processes_of(pid))
    return sum(pages) * PAGE_KIB / 1024


Start = Callable[[World, Broker, list[PushServiceClient], Case], AbstractAsyncContextManager[int]]
"""Runs a worker until the block ends; the block gets the id of its process."""


@asynccontextmanager
async def pushmill(
    world: World, broker: Broker, services: list[PushServiceClient], case: Case
) -> AsyncIterator[int]:
    """Run Pushmill's own worker; the world ends it."""
    _write_keys(world, case.sites)
    settings = broker.environment | {
        "PUSHMILL_CA_FILE": str(services[0].ca),
        "PUSHMILL_TRANSPORT": case.transport,
        "PUSHMILL_AGREEMENT": case.agreement,
        "PUSHMILL_PROCESSES": str(case.processes),
        "PUSHMILL_LOG_LEVEL": "warning",
    }
    yield (await world.start_worker(*services, **settings)).pid


async def run(case: Case, start: Start = pushmill) -> Result:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            running(BROKER) as broker,
            push_services(folder / "services", case.services) as services,
            World(broker.address, folder, "bench", partitions=PARTITIONS) as world,
            start(world, broker, services, case) as pid,
        ):
            return await _measure(world, pid, services, case)


async def _measure(world: World, pid: int, services: list[PushServiceClient], case: Case) -> Result:
    people = await asyncio.to_thread(_subscribe, services, WARM_UP + case.count)
    async with Outcomes(world) as outcomes:
        count = OutcomeCount(outcomes)
        await world.produce(*_jobs(case, people[:WARM_UP], "warm"))
        await outcomes.read(lambda: count.recipients() >= WARM_UP, "the warm-up", PATIENCE)
        jobs = list(_jobs(case, people[WARM_UP:], "job"))
        before, began = cpu_seconds(pid), time.perf_counter()
        if case.watch:
            await asyncio.create_subprocess_exec(*shlex.split(case.watch.format(pid=pid)))
        await world.produce(*jobs)
        total = WARM_UP + case.count
        await outcomes.read(lambda: count.recipients() >= total, "all outcomes", PATIENCE)
        cpu, wall = cpu_seconds(pid) - before, time.perf_counter() - began
        rss = rss_mib(pid)
        await outcomes.drain()
        found = outcomes.by_recipient
    arrived = await asyncio.to_thread(lambda: [(each.stats, each.repeats) for each in services])
    return Result(
        cpu=cpu / case.count * 1e6,
        wall=wall / case.count * 1e6,
        rss=rss,
        handshakes=sum(stats["connections"] for stats, _ in arrived),
        arrived=sum(stats["taken"] for stats, _ in arrived),
        repeats=sum(repeats for _, repeats in arrived),
        wrong=total - sum(len(each) == 1 and each[0]["status"] == "sent" for each in found.values()),
    )


def _subscribe(services: list[PushServiceClient], count: int) -> Subscriptions:
    shares = [each.subscribe(-(-count // len(services))) for each in services]
    return [each for together in zip(*shares, strict=True) for each in together][:count]


def _write_keys(world: World, sites: int) -> None:
    """Write a VAPID key for each site, if there are several."""
    for number in range(sites if sites > 1 else 0):
        (world.folder / "vapid" / f"site-{number}.pem").write_bytes(generate_vapid_key().to_pem())


def _jobs(case: Case, people: Subscriptions, name: str) -> Iterator[bytes]:
    for position, first in enumerate(range(0, len(people), case.a_record)):
        some = people[first : first + case.a_record]
        job: dict[str, Any] = {
            "v": 1,
            "job_id": f"{name}-{position}",
            "campaign_id": f"campaign-{position % case.campaigns}",
            "site_id": f"site-{position % case.sites}",
            "notification": {
                "title": "Hello {{name|there}}",
                "url": "https://shop.example/{{sku}}",
                "body": str(position % (case.texts or case.campaigns)).ljust(case.size - SHELL_BYTES, "x"),
            },
            "recipients": [
                {"id": f"r{number}", "subscription": each, "variables": {"name": "Ada", "sku": "a1"}}
                for number, each in enumerate(some, first)
            ],
        }
        yield json.dumps(job).encode()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for field in fields(Case):
        parser.add_argument(
            "--" + field.name.replace("_", "-"), type=type(field.default), default=field.default
        )
    result = asyncio.run(run(Case(**vars(parser.parse_args()))))
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
