"""Outcomes are counted once, whatever is repeated, whoever reads and whenever somebody dies."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.collect.fence import apply_fenced
from campaigns.collect.outcome_batch import apply_outcomes
from campaigns.collect.outcomes import read_outcomes
from campaigns.store.collector_offsets import Place, add_places
from campaigns.store.job_outcomes import Job, add_bits, known_bits
from tests.campaigns.collect.records import batch, outcome
from tests.campaigns.collect.rows import add_launch, counted
from tests.campaigns.store.support import NOON, make_site

NOW = NOON + timedelta(minutes=1)
TOPIC = "push.outcomes"
PLACES = [Place(TOPIC, 0), Place(TOPIC, 1)]
_launches = count(1)


class DiedError(Exception):
    """A collector has died."""


class Collector:
    """Reads a log, and remembers how far it has come, as long as it lives.

    Args:
        log: All records of each partition.
    """

    def __init__(self, database, log: dict[Place, list[bytes]]) -> None:
        self._database = database
        self._log = log
        self._next: dict[Place, int] = {}

    async def step(self, place: Place, size: int, death: str | None) -> bool:
        """Apply the next records; return whether there was anything to do."""
        if place not in self._next:
            self._next[place] = await next_offset(self._database, place)
        begin = self._next[place]
        values = self._log[place][begin : begin + size]
        if not values:
            del self._next[place]
            return False

        async def apply(connection) -> None:
            await apply_outcomes(connection, place.partition, read_outcomes(values), NOW, NOW)
            if death == "before the commit":
                raise DiedError

        try:
            done = await apply_fenced(self._database, place, begin, begin + len(values), apply)
        except DiedError:
            self._next.clear()
            return True
        if death == "after the commit":
            return True  # what it remembers is out of date
        if done:
            self._next[place] = begin + len(values)
        else:
            del self._next[place]
        return True


async def next_offset(database, place: Place) -> int:
    async with database.connection() as connection:
        return await connection.fetchval(
            "SELECT next FROM collector_offset WHERE topic = $1 AND partition = $2", *place
        )


OUTCOMES = st.builds(
    outcome,
    st.integers(0, 9),
    st.sampled_from(["sent", "failed", "lapsed", "teleported"]),
    st.integers(0, 2),
)
RECORDS = st.tuples(st.integers(0, 1), st.integers(0, 2), st.lists(OUTCOMES, max_size=6))
"""Which launch, which of its jobs, and what became of whom."""

DEATHS = st.sampled_from([None, None, "before the commit", "after the commit"])
STEPS = st.tuples(st.integers(0, 1), st.sampled_from(PLACES), st.integers(1, 4), DEATHS)
"""Which collector, which partition, how many records, and whether it dies."""


def naive_count(records, first: int) -> dict[tuple[int, str], tuple[int, int]]:
    """The first outcome of each recipient of each job, one after another."""
    seen: set[tuple[int, int, int]] = set()
    counts: Counter[tuple[int, str]] = Counter()
    attempted: Counter[tuple[int, str]] = Counter()
    for launch, job, outcomes in records:
        for each in outcomes:
            whose = (launch, job, each["number"])
            if each["status"] != "teleported" and whose not in seen:
                seen.add(whose)
                key = (first + launch, each["status"])
                counts[key] += 1
                attempted[key] += each["attempts"] > 0
    return {key: (counts[key], attempted[key]) for key in counts}


async def reset(database, *launches: int) -> int:
    """Begin with partitions that nobody has read, and launches of one site."""
    async with database.transaction() as connection:
        await connection.execute("TRUNCATE collector_offset, launch_count, job_outcome")
        await add_places(connection, PLACES)
        site = (await make_site(connection)).id
        for number in launches:
            await add_launch(connection, site, number)
    return site


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(records=st.lists(RECORDS, max_size=12), steps=st.lists(STEPS, max_size=16), together=st.booleans())
async def test_outcomes_are_counted_once(database, records, steps, together):
    first = next(_launches) * 2
    site = await reset(database, first, first + 1)
    log: dict[Place, list[bytes]] = {place: [] for place in PLACES}
    for launch, job, outcomes in records:
        name = f"launch_{first + launch}_abcdefgh"
        # A job's records are of one partition, because they have its id for a key.
        log[PLACES[job % 2]].append(batch(*outcomes, launch=name, job=job, site_id=f"site_{site}"))
    collectors = [Collector(database, log) for _ in range(2)]
    for who, place, size, death in steps:
        both = [collectors[who].step(place, size, death)]
        if together:
            both.append(collectors[1 - who].step(place, size + 1, None))
        await asyncio.gather(*both)
    for place in PLACES:
        while await collectors[0].step(place, 3, None):
            pass
    async with database.connection() as connection:
        assert await counted(connection) == naive_count(records, first)


async def test_a_job_that_lies_in_two_partitions_is_counted_once(database):
    """As when partitions were added meanwhile."""
    site = await reset(database, 1)
    value = batch(*map(outcome, range(50)), launch="launch_1_abcdefgh", site_id=f"site_{site}")

    async def collect(place: Place) -> None:
        async def apply(connection) -> None:
            await apply_outcomes(connection, place.partition, read_outcomes([value]), NOW, NOW)
            await asyncio.sleep(0)

        assert await apply_fenced(database, place, 0, 1, apply)

    await asyncio.gather(*map(collect, PLACES))
    async with database.connection() as connection:
        assert await counted(connection) == {(1, "sent"): (50, 50)}


async def test_who_is_overtaken_begins_again(database):
    await reset(database)
    tries = []

    async def apply(connection) -> None:
        tries.append(await known_bits(connection, [Job(1, 0)]))
        if not tries[-1]:
            async with database.transaction() as other:
                await add_bits(other, {Job(1, 0): b"\1"})
            await add_bits(connection, {Job(1, 0): b"\2"})

    assert await apply_fenced(database, PLACES[0], 0, 5, apply)
    assert tries == [{}, {(1, 0): b"\1"}]
    assert await next_offset(database, PLACES[0]) == 5


async def test_nothing_is_applied_behind_the_fence(database):
    await reset(database)

    async def apply(_connection) -> None:
        pytest.fail("applied twice")

    assert not await apply_fenced(database, PLACES[0], 3, 5, apply)
    assert not await apply_fenced(database, Place("push.other", 0), 0, 5, apply)
    assert await next_offset(database, PLACES[0]) == 0
