"""`python -m tests.chaos.campaigns.collecting`: collectors that are killed and frozen while they count.

Exits with 1 if anything was counted twice, or not at all.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from campaigns.store.database import Database
from tests.campaigns.collect.records import batch, event, outcome
from tests.campaigns.collect.rows import add_launch, counted
from tests.campaigns.store.support import make_site
from tests.chaos.campaigns.collector import holder
from tests.harness import postgresql
from tests.harness.freezing import freeze, thaw
from tests.harness.worker_process import ROOT, free_port
from tests.harness.world import World
from worker.config import KafkaSettings
from worker.demo.broker import EmbeddedBroker
from worker.edges.kafka.producer import RecordProducer
from worker.records.envelope import Publication
from worker.records.topics import EVENTS, OUTCOMES

LAUNCHES = (3, 4)
JOB_RECIPIENTS = 100
RECORD_OUTCOMES = 50
STATUSES = ("sent",) * 8 + ("expired", "lapsed")
REPEATED = 0.01
LEASE_SECONDS = 2.0
APPLIED = "SELECT coalesce(sum(next), 0)::bigint FROM collector_offset"
CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
HELD = "SELECT count(*) FROM collector_offset WHERE holder = $1"
ENGAGED = "SELECT launch, kind, sum(first)::bigint, sum(total)::bigint FROM engagement_count GROUP BY 1, 2"

Counted = dict[tuple[int, str], tuple[int, int]]


class Written:
    """What is written to Kafka, and what a collector must make of it.

    Args:
        site: Whose launches they are.
        count: Outcomes; every tenth recipient's browser reports something, too.
        dice: Decides who ends how, and what is repeated.
    """

    def __init__(self, site: int, count: int, dice: random.Random) -> None:
        self._site, self._count, self._dice = site, count, dice
        self.outcomes: Counted = {}
        self.engagement: Counted = {}
        self.records = list(self._records())

    def _records(self) -> Iterator[Publication]:
        for number in range(self._count // JOB_RECIPIENTS):
            launch, job = LAUNCHES[number % 2], number // 2
            yield from self._of_job(launch, job)
            for subscriber in range(job * JOB_RECIPIENTS, (job + 1) * JOB_RECIPIENTS, 10):
                yield from self._of_browser(launch, subscriber)

    def _of_job(self, launch: int, job: int) -> Iterator[Publication]:
        """Yield a job's outcomes, and repeats that say something else: the first counts."""
        ended = [outcome(number, self._dice.choice(STATUSES)) for number in range(JOB_RECIPIENTS)]
        for each in ended:
            _add(self.outcomes, (launch, each["status"]), 1, 1)
        again = [each | {"status": "failed"} for each in ended if self._dice.random() < REPEATED]
        name = f"launch_{launch}_abcdefgh"
        for part in (*_parts(ended), again):
            value = batch(*part, launch=name, job=job, site_id=f"site_{self._site}")
            yield Publication(OUTCOMES, f"{name}.{job}".encode(), value)

    def _of_browser(self, launch: int, subscriber: int) -> Iterator[Publication]:
        often = Counter({"shown": 1, "clicked": self._dice.randint(0, 2)})
        for kind, times in often.items():
            if times:
                _add(self.engagement, (launch, kind), 1, times)
        for kind in often.elements():
            value = event(
                subscriber, kind, site_id=f"site_{self._site}", launch_id=f"launch_{launch}_abcdefgh"
            )
            yield Publication(EVENTS, f"sub_{subscriber}".encode(), value)


def _parts(outcomes: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    return (outcomes[begin : begin + RECORD_OUTCOMES] for begin in range(0, len(outcomes), RECORD_OUTCOMES))


def _add(counts: Counted, key: tuple[int, str], first: int, total: int) -> None:
    before = counts.get(key, (0, 0))
    counts[key] = (before[0] + first, before[1] + total)


class CollectRun:
    """Two collectors of a database and a broker, killed, frozen and cut off while they work."""

    def __init__(
        self, settings: KafkaSettings, database: Database, database_url: str, dice: random.Random
    ) -> None:
        self._settings, self._database, self._url, self._dice = settings, database, database_url, dice
        self._running: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._running:
            await _kill(process)

    async def run(self, count: int, troubles: int) -> list[str]:
        """Write outcomes, give collectors trouble meanwhile, and return what was counted wrongly."""
        async with self._database.transaction() as connection:
            site = (await make_site(connection)).id
            for launch in LAUNCHES:
                await add_launch(connection, site, launch, written=count // 2)
        written = Written(site, count, self._dice)
        producer = RecordProducer(self._settings, "test-outcomes")
        await producer.start()
        self._running = [await self._start(), await self._start()]
        size = -(-len(written.records) // (troubles + 1))
        for part in range(troubles + 1):
            before = await self._ask(APPLIED)
            await producer.publish(written.records[part * size : (part + 1) * size])
            if part < troubles:
                await self.until(f"SELECT ({APPLIED}) > {before}")
                await asyncio.sleep(self._dice.random() / 4)
                await (self._kill_one, self._freeze_one, self._kill_one, self._cut_off)[part % 4]()
        await producer.stop()
        await self.until(f"SELECT ({APPLIED}) >= {len(written.records)}")
        return await self._wrong(written)

    @property
    def holders(self) -> list[str]:
        """The names under which those that run now hold partitions; one that was killed may hold some yet."""
        return [holder(process.pid) for process in self._running]

    async def stop(self) -> list[int]:
        """Ask all to stop, and return their exit statuses."""
        for process in self._running:
            process.terminate()
        return [await process.wait() for process in self._running]

    async def _wrong(self, written: Written) -> list[str]:
        async with self._database.connection() as connection:
            outcomes = await counted(connection)
            rows = await connection.fetch(ENGAGED)
        engagement = {(row[0], row[1]): (row[2], row[3]) for row in rows}
        both = (("outcomes", outcomes, written.outcomes), ("events", engagement, written.engagement))
        return [f"{what}: counted {is_}, not {should}" for what, is_, should in both if is_ != should]

    async def _kill_one(self) -> None:
        number = self._dice.randrange(len(self._running))
        await _kill(self._running[number])
        self._running[number] = await self._start()

    async def _freeze_one(self) -> None:
        """Freeze one until another has its partitions."""
        process = self._dice.choice(self._running)
        freeze(process.pid)
        await self.until(f"SELECT ({HELD.replace('$1', repr(holder(process.pid)))}) = 0")
        thaw(process.pid)

    async def _cut_off(self) -> None:
        """End all connections to the database, whatever is under way on them."""
        await self._ask(CUT)

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.campaigns.collector", self._url),
            *(self._settings.kafka_bootstrap_servers, self._settings.topic_prefix, "5", str(LEASE_SECONDS)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout
        assert await process.stdout.readline() == b"works\n"
        return process

    async def _ask(self, statement: str) -> Any:
        async with self._database.connection() as connection:
            return await connection.fetchval(statement)

    async def until(self, statement: str) -> None:
        """Wait until a statement of the database says true."""
        async with asyncio.timeout(120):
            while not await self._ask(statement):  # noqa: ASYNC110 - other processes change the database
                await asyncio.sleep(0.05)


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _main(databases: postgresql.TestDatabases, given: argparse.Namespace) -> list[str]:
    url = databases.url_of(await databases.create())
    with tempfile.TemporaryDirectory() as folder:
        async with (
            EmbeddedBroker(free_port()) as broker,
            World(broker.address, Path(folder)) as world,
            Database(url) as database,
        ):
            settings = KafkaSettings(kafka_bootstrap_servers=world.broker, topic_prefix=world.prefix)
            async with CollectRun(settings, database, url, random.Random(given.seed)) as run:
                return await run.run(given.outcomes, given.troubles)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.campaigns.collecting", description=__doc__)
    parser.add_argument("--outcomes", type=int, default=200_000)
    parser.add_argument(
        "--troubles", type=int, default=20, help="half of them kills; the others freezes and lost connections"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with postgresql.Servers() as servers:
        wrong = asyncio.run(_main(servers.databases(), given))
    sys.stdout.write("\n".join(wrong or [f"{given.outcomes:,} outcomes counted exactly once"]) + "\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
