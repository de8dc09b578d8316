import asyncio
from datetime import timedelta

import pytest

from campaigns.collect.outcome_batch import apply_outcomes
from campaigns.collect.outcomes import read_outcomes
from campaigns.model.campaign import CampaignStatus
from campaigns.model.ids import LaunchId
from campaigns.model.launch import LaunchState
from campaigns.model.marker import LaunchMarker
from campaigns.model.retention import JOBS_KEPT
from campaigns.model.statistics import Counted
from campaigns.store.collecting import count_outcomes, finish_launches, our_launches, written_launches
from campaigns.store.launch_counts import counts_of
from campaigns.store.launches import open_launches
from campaigns.store.launching import keep_cursor
from campaigns.store.subscriber_counts import count_subscribers
from tests.campaigns.collect.records import batch, outcome
from tests.campaigns.collect.rows import add_launch, counted
from tests.campaigns.store.support import NOON, make_site, make_subscriber
from tests.harness.waiting import until_told

NOW = NOON + timedelta(hours=1)
LATER = NOON + timedelta(days=2)
CAMPAIGN = """
INSERT INTO campaign (site, name, status, content, target)
VALUES ($1, 'Sale', $2, '{"title": "Hello", "url": "https://shop.example/"}', '{"all": true}') RETURNING id
"""


async def add_campaign(connection, site: int, status: CampaignStatus) -> int:
    return await connection.fetchval(CAMPAIGN, site, status)


async def test_counts_are_added_up_over_partitions_and_the_latest_time_is_told(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await add_launch(connection, site, 1, written=10)
        await count_outcomes(connection, 0, [Counted(1, "sent", 3, 3), Counted(1, "lapsed", 1, 0)], NOW)
        await count_outcomes(connection, 0, [Counted(1, "sent", 2, 1)], NOON)
        await count_outcomes(connection, 1, [Counted(1, "sent", 1, 1)], NOON)
        await count_outcomes(connection, 1, [], LATER)
        [(launch, outcomes)] = await written_launches(connection)
        [counts], until = await counts_of(connection, [launch])
        assert (outcomes, until) == (7, NOW)
        assert counts.by_status == {"sent": 6, "lapsed": 1}
        assert counts.attempted == 5


async def test_only_what_is_written_and_has_left_the_outbox_may_be_done(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        for number, state in ((1, "writing"), (2, "written"), (3, "done"), (4, "written")):
            await add_launch(connection, site, number, state=state)
        await connection.execute("INSERT INTO outbox (relay, launch, subscriber) VALUES (4, 4, 1)")
        assert [launch.id for launch, _ in await written_launches(connection)] == [2]
        assert await finish_launches(connection, [1, 2, 3], NOW) == [2]
        rows = await our_launches(connection, [1, 2, 5])
        assert {number: launch.done_at for number, launch in rows.items()} == {1: None, 2: NOW}
        states = await connection.fetchval("SELECT array_agg(state ORDER BY id) FROM launch")
        assert states == ["writing", LaunchState.DONE, "done", "written"]


async def test_a_campaign_is_done_with_its_last_launch_unless_it_is_something_else(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        sending, half, recurring = [
            await add_campaign(connection, site, status)
            for status in (CampaignStatus.SENDING, CampaignStatus.SENDING, CampaignStatus.RECURRING)
        ]
        for number, campaign in enumerate((sending, half, recurring)):
            await add_launch(connection, site, number, campaign=campaign)
        await add_launch(connection, site, 3, campaign=half, at=LATER)
        await finish_launches(connection, [0, 1, 2], NOW)
        rows = await connection.fetch("SELECT status FROM campaign ORDER BY id")
        assert [row["status"] for row in rows] == ["done", "sending", "recurring"]
        await finish_launches(connection, [3], NOW)
        assert await connection.fetchval("SELECT status FROM campaign WHERE id = $1", half) == "done"


async def apply(connection, *values: bytes, now=NOW) -> int:
    return await apply_outcomes(connection, 0, read_outcomes(values), now, now)


async def test_launches_and_sites_of_others_are_passed_over(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await add_launch(connection, site, 3)
        ours = f"site_{site}"
        passed_over = await apply(
            connection,
            batch(outcome(0), site_id=ours),
            batch(outcome(1), site_id=f"site_{site + 1}"),
            batch(outcome(2), site_id=ours, launch="launch_3_zzzzzzzz"),
            batch(outcome(3), site_id=ours, launch="launch_4_abcdefgh"),
            batch(outcome(4, "teleported"), site_id=ours),
        )
        assert passed_over == 4
        assert await counted(connection) == {(3, "sent"): (1, 1)}


async def test_outcomes_without_a_number_count_once_for_each_recipient(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await add_launch(connection, site, 3)
        both = [outcome(None, recipient_id="sub_1"), outcome(None, "lapsed", 0, recipient_id="sub_2")]
        for _ in range(2):
            await apply(connection, batch(*both, site_id=f"site_{site}"))
        await apply(connection, batch(*both, job=1, site_id=f"site_{site}"))
        assert await counted(connection) == {(3, "sent"): (2, 2), (3, "lapsed"): (2, 0)}


async def test_what_comes_after_the_end_counts_as_long_as_repeats_are_known(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await add_launch(connection, site, 3, state="done", done_at=NOON)
        for number, now in enumerate((NOON + JOBS_KEPT - timedelta(seconds=1), NOON + JOBS_KEPT)):
            assert await apply(connection, batch(outcome(number), site_id=f"site_{site}"), now=now) == number
        assert await counted(connection) == {(3, "sent"): (1, 1)}


async def test_bad_keys_make_a_subscriber_bounce(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await make_subscriber(connection, site, 1, updated_at=NOON - timedelta(days=1))
        await make_subscriber(connection, site, 2, updated_at=NOON + timedelta(seconds=1))
        await add_launch(connection, site, 3)
        bad = [outcome(number, "invalid", 0, detail="bad_keys") for number in (1, 2)]
        await apply(connection, batch(*bad, site_id=f"site_{site}"))
        counts = await count_subscribers(connection, site)
        assert {str(status): count for status, count in counts.items() if count} == {
            "active": 1,
            "bounced": 1,
        }


@pytest.mark.parametrize("write", ["finish", "keep"])
async def test_whoever_pauses_a_campaign_at_that_moment_waits_for_no_one_who_waits(database, write):
    """Both lock the campaign before its launches."""
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        campaign = await add_campaign(connection, site, CampaignStatus.QUEUED)
        await add_launch(connection, site, 1, campaign=campaign)

    async def change() -> None:
        async with database.transaction() as connection:
            if write == "finish":
                await finish_launches(connection, [1], NOW)
            else:
                marker = LaunchMarker(launch_id="launch_1_abcdefgh", cursor=5, job=1, written=3)
                await keep_cursor(connection, LaunchId(1, "abcdefgh"), marker, 7)

    waiting = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    async with (
        asyncio.TaskGroup() as group,
        database.connection() as beside,
        database.transaction() as connection,
    ):
        await connection.execute("SELECT FROM campaign WHERE id = $1 FOR UPDATE", campaign)
        group.create_task(change())
        await until_told(lambda: beside.fetchval(waiting), "the other one waits")
        assert len(await open_launches(connection, campaign, site)) == 1
        await connection.execute("UPDATE campaign SET status = 'paused'")
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT status FROM campaign") == "paused"
