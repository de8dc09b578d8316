"""Outcomes counted by the collector, in turns on one PostgreSQL.

    python -m benchmarks.collecting [--turns 5] [--outcomes 100000]

Reads records of jobs of 100 recipients, and applies them, 50 records a transaction, as the collector does.
The time of Kafka's client is not in it. Costs are processor time of this process and of PostgreSQL.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.imports import Cost, Meter
from campaigns.collect.fence import apply_fenced
from campaigns.collect.outcome_batch import apply_outcomes
from campaigns.collect.outcomes import read_outcomes
from campaigns.embedded_postgres import EmbeddedPostgres
from campaigns.model.ids import Kind, LaunchId, spell
from campaigns.store.collector_offsets import Place, add_places
from campaigns.store.database import Connection, Database
from campaigns.store.migrate import migrate
from tests.harness.audiences import NONCE, add_launch, add_site
from worker.records.outcome import Outcome, OutcomeBatch, Status
from worker.records.values import encode_json

JOB_RECIPIENTS = 100
TRANSACTION_RECORDS = 50
CASES = {100: ("100 outcomes a record", "the same again"), 25: ("25 outcomes a record",)}
"""By how many of a job's outcomes a record has: what is measured, one after the other."""

NEXT_LAUNCH = "SELECT coalesce(max(id), 0) + 1 FROM launch"
OFFSET = "SELECT next FROM collector_offset WHERE topic = $1 AND partition = $2"
NOW = datetime.now(UTC)


def make_records(site: int, launch: int, number: int, size: int) -> list[bytes]:
    """Make the records of so many outcomes, `size` in each."""
    name = str(LaunchId(launch, NONCE))
    return [
        encode_json(
            OutcomeBatch(
                *(1, f"{name}.{first // JOB_RECIPIENTS}", name, spell(Kind.SITE, site), "pod-0/0"),
                [outcome(first + n, first % JOB_RECIPIENTS + n) for n in range(size)],
            )
        )
        for first in range(0, number, size)
    ]


def outcome(subscriber: int, number: int) -> Outcome:
    return Outcome(spell(Kind.SUBSCRIBER, subscriber), Status.SENT, NOW, 1, 201, "fcm", None, number)


async def collect(database: Database, place: Place, records: Sequence[bytes], begin: int) -> int:
    """Apply records from an offset on, and return the next offset."""
    for first in range(0, len(records), TRANSACTION_RECORDS):
        values = records[first : first + TRANSACTION_RECORDS]

        async def apply(connection: Connection, values: Sequence[bytes] = values) -> None:
            await apply_outcomes(connection, place.partition, read_outcomes(values), NOW, NOW)

        if not await apply_fenced(database, place, begin + first, begin + first + len(values), apply):
            raise AssertionError("somebody else collects")
    return begin + len(records)


async def turn(database: Database, meter: Meter, place: Place, site: int, number: int) -> dict[str, Cost]:
    """Measure each case once, with a launch of its own for each size of records."""
    costs: dict[str, Cost] = {}
    for size, names in CASES.items():
        async with database.transaction() as connection:
            launch = await connection.fetchval(NEXT_LAUNCH)
            offset = await connection.fetchval(OFFSET, *place)
            await add_launch(connection, site, number=launch)
        records = make_records(site, launch, number, size)
        for name in names:
            meter.start()
            offset = await collect(database, place, records, offset)
            costs[name] = meter.stop()
    return costs


async def measure(folder: Path, turns: int, number: int) -> list[dict[str, Cost]]:
    async with EmbeddedPostgres(folder) as server:
        await migrate(server.url)
        async with Database(server.url, size=1) as database:
            place = Place("push.outcomes", 0)
            async with database.transaction() as connection:
                site = await add_site(connection)
                await add_places(connection, [place])
            meter = Meter(server.pid, number)
            all_turns = [await turn(database, meter, place, site, number) for _ in range(turns + 1)]
            return all_turns[1:]  # the first one compiles, and warms caches


def report(turns: Sequence[dict[str, Cost]]) -> None:
    print("CPU, us an outcome       this process  PostgreSQL")
    for name in turns[0]:
        ours, theirs = (median(values) for values in zip(*(costs[name] for costs in turns), strict=True))
        print(f"{name:23}  {ours:12.2f}  {theirs:10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--outcomes", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        report(asyncio.run(measure(folder / "postgresql", options.turns, options.outcomes)))


if __name__ == "__main__":
    main()
