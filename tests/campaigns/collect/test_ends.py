import asyncio
from datetime import timedelta

from campaigns.collect.ends import finish_what_is_over
from campaigns.model.ids import LaunchId
from campaigns.model.launch import GRACE
from campaigns.model.statistics import Counted, statistics
from campaigns.store.collecting import count_outcomes
from campaigns.store.launch_counts import counts_of
from campaigns.store.launches import find_launch
from tests.campaigns.collect.rows import add_launch
from tests.campaigns.store.support import NOON, make_site, scope_of

END = NOON + timedelta(hours=1)
"""When the pushes of `add_launch` have lived their life."""


async def test_a_launch_is_over_once_everybody_has_an_outcome(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        for number in (1, 2):
            await add_launch(connection, site, number, written=3)
        await count_outcomes(connection, 0, [Counted(1, "sent", 2, 2), Counted(2, "sent", 2, 2)], NOON)
        await count_outcomes(connection, 1, [Counted(1, "lapsed", 1, 0)], NOON)
    assert sorted(await asyncio.gather(*[finish_what_is_over(database, NOON) for _ in range(2)])) == [0, 1]
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT id, state, done_at FROM launch ORDER BY id")
    assert [tuple(row) for row in rows] == [(1, "done", NOON), (2, "written", None)]


async def test_whoever_has_no_outcome_an_hour_after_the_end_is_unknown(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        await add_launch(connection, site.id, 1, written=3)
        await count_outcomes(connection, 0, [Counted(1, "sent", 2, 2)], NOON)
    assert await finish_what_is_over(database, END + GRACE - timedelta(seconds=1)) == 0
    assert await finish_what_is_over(database, END + GRACE) == 1
    async with database.connection() as connection:
        launch = await find_launch(connection, scope_of(site.account), LaunchId(1, "abcdefgh"))
        told = statistics(*await counts_of(connection, [launch]))
    assert (told.written, told.accepted, told.unknown) == (3, 2, 1)
