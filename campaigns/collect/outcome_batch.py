"""Applying outcomes: what is new among them is counted, in the transaction that has moved the fence."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from campaigns.collect.outcomes import (
    JobKey,
    JobOutcomes,
    Outcomes,
    Result,
    changes,
    from_bytes,
    new_outcomes,
    to_bytes,
)
from campaigns.model.retention import JOBS_KEPT
from campaigns.store.collecting import OurLaunch, count_outcomes, our_launches
from campaigns.store.database import Connection
from campaigns.store.expirations import BadKeys, bounce
from campaigns.store.job_outcomes import (
    Job,
    Unnumbered,
    add_bits,
    add_unnumbered,
    change_bits,
    known_bits,
)

Counts = dict[int, Counter[Result]]


class _Ours(NamedTuple):
    launch: OurLaunch
    outcomes: JobOutcomes


async def apply_outcomes(
    connection: Connection, partition: int, read: Outcomes, until: datetime, now: datetime
) -> int:
    """Count outcomes that have not been counted, and return how many records were passed over.

    Args:
        connection: A connection with a transaction that has moved the partition's fence.
        partition: Where they were read.
        read: What the records say.
        until: When the last record came to Kafka.
        now: The moment.

    Raises:
        OvertakenError: The transaction must be rolled back, and begin again.
    """
    launches = await our_launches(connection, (key.launch.number for key in read.jobs))
    ours = {
        Job(key.launch.number, key.number): _Ours(launches[key.launch.number], outcomes)
        for key, outcomes in read.jobs.items()
        if _is_open(launches.get(key.launch.number), key, now)
    }
    if ours:
        counts: Counts = {}
        await _count_numbered(connection, ours, counts)
        await _count_unnumbered(connection, ours, counts)
        await count_outcomes(connection, partition, [*changes(counts)], until)
        await bounce(connection, {*_bad_keys(ours)}, now)
    return read.passed_over + len(read.jobs) - len(ours)


def _is_open(launch: OurLaunch | None, key: JobKey, now: datetime) -> bool:
    """Whether a job is of this launch, and repeats of its outcomes can be told."""
    if launch is None or (launch.nonce, launch.site) != (key.launch.nonce, key.site):
        return False
    return launch.done_at is None or now < launch.done_at + JOBS_KEPT


async def _count_numbered(connection: Connection, ours: Mapping[Job, _Ours], counts: Counts) -> None:
    numbered = {job: each.outcomes for job, each in sorted(ours.items()) if each.outcomes.bits}
    if not numbered:
        return
    known = await known_bits(connection, numbered)
    added: dict[Job, bytes] = {}
    changed: dict[Job, bytes] = {}
    for job, outcomes in numbered.items():
        new = new_outcomes(outcomes, from_bytes(known.get(job, b"")))
        if new.counts:
            counts.setdefault(job.launch, Counter()).update(new.counts)
            (changed if job in known else added)[job] = to_bytes(new.bits)
    await add_bits(connection, added)
    await change_bits(connection, changed)


async def _count_unnumbered(connection: Connection, ours: Mapping[Job, _Ours], counts: Counts) -> None:
    results = {
        Unnumbered(*job, recipient): result
        for job, each in ours.items()
        for recipient, result in each.outcomes.unnumbered.items()
    }
    if results:
        for added in await add_unnumbered(connection, results):
            counts.setdefault(added.launch, Counter())[results[added]] += 1


def _bad_keys(ours: Mapping[Job, _Ours]) -> Iterator[BadKeys]:
    for each in ours.values():
        for subscriber in each.outcomes.bad_keys:
            yield BadKeys(each.launch.site, subscriber, each.launch.created_at)
