"""Outcomes counted by the collector, in turns on one PostgreSQL.

Reads records of jobs of 100 recipients, and applies them, 50 records a transaction, as the collector does.
The time of Kafka's client is not in it. Costs are processor time of this process and of PostgreSQL.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.campaigns.cost import Cost, Meter
from benchmarks.campaigns.findings import Bound, Finding
from benchmarks.campaigns.surroundings import NUMBER, Surroundings
from campaigns.collect.fence import apply_fenced
from campaigns.collect.outcome_batch import apply_outcomes
from campaigns.collect.outcomes import read_outcomes
from campaigns.model.ids import Kind, LaunchId, spell
from campaigns.store.collector_offsets import Place, add_places
from campaigns.store.database import Connection, Database
from tests.harness.audiences import NONCE, add_launch, add_site
from worker.records.outcome import Outcome, OutcomeBatch, Status
from worker.records.values import encode_json

OUTCOMES = 100_000
TURNS = 2
"""For each turn of other rows."""

JOB_RECIPIENTS = 100
TRANSACTION_RECORDS = 50
FIRST, AGAIN, PARTS = "100 outcomes a record", "the same again", "25 outcomes a record"
CASES = {100: (FIRST, AGAIN), 25: (PARTS,)}
"""By how many of a job's outcomes a record has: what is measured, one after the other."""

PLACE = Place("bench.outcomes", 0)
"""No topic's: no collector reads it."""

OFFSET = "SELECT next FROM collector_offset WHERE topic = $1 AND partition = $2"
NOW = datetime.now(UTC)


async def collecting(around: Surroundings) -> list[Finding]:
    """Measure the counting of outcomes: at most 5 us CPU each."""
    number = min(OUTCOMES, around.options.recipients)
    async with around.database.transaction() as connection:
        site = await add_site(connection, key="bench-collecting")
        await add_places(connection, [PLACE])
    meter = Meter(around.server.pid, number)
    turns = [
        await _turn(around.database, meter, site, number) for _ in range(1 + TURNS * around.options.turns)
    ][1:]  # the first one compiles, and warms caches
    return [_cost(name, turns) for name in turns[0]]


def _cost(name: str, turns: Sequence[dict[str, Cost]]) -> Finding:
    ours, theirs = ([costs[name][part] for costs in turns] for part in range(2))
    return Finding(name, "us CPU an outcome", ours, Bound(5.0), theirs)


async def _turn(database: Database, meter: Meter, site: int, number: int) -> dict[str, Cost]:
    """Measure each case once, with a launch of its own for each size of records."""
    costs: dict[str, Cost] = {}
    for size, names in CASES.items():
        async with database.transaction() as connection:
            launch = await connection.fetchval(NUMBER)
            offset = await connection.fetchval(OFFSET, *PLACE)
            await add_launch(connection, site, number=launch, state="written")
        records = _make_records(site, launch, number, size)
        for name in names:
            meter.start()
            offset = await _collect(database, records, offset)
            costs[name] = meter.stop()
    return costs


def _make_records(site: int, launch: int, number: int, size: int) -> list[bytes]:
    """Make the records of so many outcomes, `size` in each."""
    name = str(LaunchId(launch, NONCE))
    return [
        encode_json(
            OutcomeBatch(
                *(1, f"{name}.{first // JOB_RECIPIENTS}", name, spell(Kind.SITE, site), "pod-0/0"),
                [_outcome(first + n, first % JOB_RECIPIENTS + n) for n in range(size)],
            )
        )
        for first in range(0, number, size)
    ]


def _outcome(subscriber: int, number: int) -> Outcome:
    return Outcome(spell(Kind.SUBSCRIBER, subscriber), Status.SENT, NOW, 1, 201, "fcm", None, number)


async def _collect(database: Database, records: Sequence[bytes], begin: int) -> int:
    """Apply records from an offset on, and return the next offset."""
    for first in range(0, len(records), TRANSACTION_RECORDS):
        values = records[first : first + TRANSACTION_RECORDS]

        async def apply(connection: Connection, values: Sequence[bytes] = values) -> None:
            await apply_outcomes(connection, PLACE.partition, read_outcomes(values), NOW, NOW)

        if not await apply_fenced(database, PLACE, begin + first, begin + first + len(values), apply):
            raise AssertionError("somebody else collects")
    return begin + len(records)
