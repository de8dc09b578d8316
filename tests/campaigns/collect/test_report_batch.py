"""What browsers report, as it is counted in PostgreSQL."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.collect.report_batch import apply_reports
from campaigns.collect.reports import TOTAL_MAX, read_reports
from campaigns.model.subscriber import SubscriberStatus
from campaigns.store.engagement import add_months, count_unsubscribed
from tests.campaigns.collect.records import AT, event
from tests.campaigns.collect.rows import add_launch
from tests.campaigns.store.support import NOON, make_site, make_subscriber

COUNTS = "SELECT launch, kind, sum(first)::bigint, sum(total)::bigint FROM engagement_count GROUP BY 1, 2"
_launches = count(1)
EVENTS = st.tuples(
    st.integers(0, 1), st.integers(0, 2), st.sampled_from(["shown", "clicked"]), st.sampled_from([1, 2, 60])
)
"""Of which launch, of whom, what, and how often in a row."""


async def engaged(connection) -> dict[tuple[int, str], tuple[int, int]]:
    rows = await connection.fetch(COUNTS)
    return {(launch, kind): (first, total) for launch, kind, first, total in rows}


def name(launch: int) -> str:
    return f"launch_{launch}_abcdefgh"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(events=st.lists(EVENTS, max_size=20), size=st.integers(1, 7), partitions=st.integers(1, 2))
async def test_events_are_added_up_however_they_are_divided(database, events, size, partitions):
    first = next(_launches) * 2
    async with database.transaction() as connection:
        await connection.execute("TRUNCATE engagement, engagement_count")
        site = (await make_site(connection)).id
        for launch in (first, first + 1):
            await add_launch(connection, site, launch)
    naive: Counter[tuple[int, str, int]] = Counter()
    values = []
    for launch, subscriber, kind, times in events:
        naive[first + launch, kind, subscriber] += times
        one = event(subscriber, kind, launch_id=name(first + launch), site_id=f"site_{site}")
        values += [one] * times
    for begin in range(0, len(values), size * 10):
        async with database.transaction() as connection:
            read = read_reports(values[begin : begin + size * 10])
            assert await apply_reports(connection, begin % partitions, read) == 0
    expected: dict[tuple[int, str], tuple[int, int]] = {}
    for (launch, kind, _), times in naive.items():
        before = expected.get((launch, kind), (0, 0))
        expected[launch, kind] = (before[0] + 1, before[1] + min(times, TOTAL_MAX))
    async with database.connection() as connection:
        assert await engaged(connection) == expected


async def test_launches_and_sites_of_others_are_passed_over(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await add_launch(connection, site, 3)
        ours = f"site_{site}"
        values = [
            event(7, site_id=ours),
            event(7, site_id=ours, launch_id=name(4)),
            event(7, site_id=ours, launch_id="launch_3_zzzzzzzz"),
            event(7, site_id=f"site_{site + 1}"),
        ]
        assert await apply_reports(connection, 0, read_reports(values)) == 3
        assert await engaged(connection) == {(3, "shown"): (1, 1)}


async def test_who_unsubscribes_within_a_day_after_a_push_is_counted_once(database):
    day = timedelta(hours=24)
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await add_launch(connection, site, 3)
        for number, status_at in (
            (1, AT),
            (2, AT + day),
            (3, AT + day + timedelta(seconds=1)),
            (4, AT - day),
        ):
            await make_subscriber(
                connection,
                site,
                number,
                status=SubscriberStatus.UNSUBSCRIBED,
                subscription=None,
                status_at=status_at,
            )
        await make_subscriber(connection, site, 5, status_at=AT)
        values = [event(number, site_id=f"site_{site}") for number in range(1, 6)]
        values += [event(1, "clicked", site_id=f"site_{site}")]
        await apply_reports(connection, 0, read_reports(values))
        for _ in range(2):
            await count_unsubscribed(connection, NOON - timedelta(days=30))
        assert (await engaged(connection))[3, "unsubscribed"] == (2, 2)


async def test_who_only_dismissed_a_push_did_not_leave_because_of_it(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await add_launch(connection, site, 3)
        await make_subscriber(
            connection, site, 1, status=SubscriberStatus.UNSUBSCRIBED, subscription=None, status_at=AT
        )
        await apply_reports(connection, 0, read_reports([event(1, "dismissed", site_id=f"site_{site}")]))
        await count_unsubscribed(connection, NOON - timedelta(days=30))
        assert await engaged(connection) == {(3, "dismissed"): (1, 1)}


async def test_months_are_made_ahead_once(database):
    months = [NOON.date().replace(month=month, day=1) for month in (10, 11, 12)]
    async with database.connection() as connection:
        assert await add_months(connection, months) == ["engagement_2026_10", "engagement_2026_11"]
        assert await add_months(connection, months) == []
        site = (await make_site(connection)).id
        await add_launch(connection, site, 3)
        async with connection.transaction():
            await apply_reports(connection, 0, read_reports([event(1, site_id=f"site_{site}")]))
        assert await connection.fetchval("SELECT count(*) FROM engagement_2026_11") == 1


async def test_a_month_whose_rows_lie_elsewhere_stays_there(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await add_launch(connection, site, 3)
        await apply_reports(connection, 0, read_reports([event(1, site_id=f"site_{site}")]))
    months = [NOON.date().replace(month=month, day=1) for month in (10, 11, 12)]
    async with database.connection() as connection:
        assert await add_months(connection, months) == ["engagement_2026_10"]


async def test_two_who_make_months_at_once_do_not_meet(database):
    months = [NOON.date().replace(month=month, day=1) for month in (10, 11, 12)]

    async def make() -> list[str]:
        async with database.connection() as connection:
            return await add_months(connection, months)

    assert sorted(map(len, await asyncio.gather(make(), make(), make()))) == [0, 0, 2]
