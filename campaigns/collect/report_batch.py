"""Applying what browsers report, in the transaction that has moved the fence."""

from collections.abc import Iterator, Mapping
from datetime import date

from campaigns.collect.reports import Reports, Tally, tally
from campaigns.store.collecting import OurLaunch, our_launches
from campaigns.store.database import Connection
from campaigns.store.engagement import (
    Key,
    Reported,
    Value,
    add_engagement,
    change_engagement,
    count_engagement,
    known_engagement,
)


async def apply_reports(connection: Connection, partition: int, read: Reports) -> int:
    """Count events, and return how many records were passed over.

    Args:
        connection: A connection with a transaction that has moved the partition's fence.
        partition: Where they were read.
        read: What the records say.

    Raises:
        OvertakenError: The transaction must be rolled back, and begin again.
    """
    launches = await our_launches(connection, (each.launch.number for each in read.times))
    ours = {
        Key(_month(launch), launch.id, each.subscriber, each.kind): times
        for each, times in read.times.items()
        if (launch := launches.get(each.launch.number)) is not None
        and (launch.nonce, launch.site) == (each.launch.nonce, each.site)
    }
    if ours:
        known = await known_engagement(connection, sorted(ours))
        after = {
            key: Value(*tally(Tally(*known[key]) if key in known else None, times))
            for key, times in sorted(ours.items())
        }
        await add_engagement(connection, {key: after[key] for key in after if key not in known})
        await change_engagement(connection, {key: after[key] for key in known if after[key] != known[key]})
        await count_engagement(connection, partition, [*_changes(known, after)])
    foreign = sum(times.number for times in read.times.values()) - sum(
        times.number for times in ours.values()
    )
    return read.passed_over + foreign


def _month(launch: OurLaunch) -> date:
    return launch.created_at.date().replace(day=1)


def _changes(known: Mapping[Key, Value], after: Mapping[Key, Value]) -> Iterator[Reported]:
    """Yield what is to be added to the counts of launches, in one order for everybody."""
    sums: dict[tuple[int, str], tuple[int, int]] = {}
    for key, value in after.items():
        first, total = sums.get((key.launch, key.kind), (0, 0))
        before = known[key].total if key in known else 0
        sums[key.launch, key.kind] = (first + (key not in known), total + value.total - before)
    for (launch, kind), (first, total) in sorted(sums.items()):
        if total:
            yield Reported(launch, kind, first, total)
