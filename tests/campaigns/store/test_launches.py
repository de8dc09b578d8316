"""Launches, what is counted of them, and small sends in the outbox."""

from datetime import timedelta

import msgspec
import pytest

from campaigns.model.ids import LaunchId, slot_of
from campaigns.model.launch import LaunchState, NewLaunch, controlled
from campaigns.model.statistics import Counts, Engagement
from campaigns.model.target import Subscribers
from campaigns.store.campaigns import add_campaign
from campaigns.store.launch_counts import counts_of
from campaigns.store.launches import add_launch, control_launches, find_launch, launches_of, open_launches
from campaigns.store.outbox import add_to_outbox
from tests.campaigns.store.support import NOON, make_site, scope_of
from tests.campaigns.store.test_campaigns import HELLO, new
from worker.records.control import State

LATER = NOON + timedelta(hours=1)


@pytest.fixture
async def connection(database):
    async with database.transaction() as connection:
        yield connection


@pytest.fixture
async def site(connection):
    return await make_site(connection)


def launch_of(site, campaign=None, **fields):
    there = {
        "nonce": "abcdefgh",
        "site": site.id,
        "campaign": campaign,
        "moment": NOON,
        "content": HELLO,
        "target": Subscribers((7, 8)),
        "start_at": NOON,
        "stretch_time": 0.0,
        "ttl": 60,
        "targeted": 2,
    }
    return NewLaunch(**there | fields)


async def test_a_launch_is_read_as_it_was_written(connection, site):
    new_one = launch_of(site, stretch_time=30.5, topic="promo", ends_at=LATER)
    made = await add_launch(connection, new_one, NOON)
    for name in NewLaunch.__struct_fields__:
        assert getattr(made, name) == getattr(new_one, name)
    assert (made.state, made.wanted, made.shift, made.written) == (LaunchState.WRITING, State.RUNNING, 0, 0)
    assert (made.slot, made.created_at, made.last_due_at) == (slot_of(made.id), NOON, None)
    assert await find_launch(connection, scope_of(site.account), LaunchId(made.id, "abcdefgh")) == made


async def test_every_launch_is_in_the_slot_of_its_number(connection, site):
    made = [await add_launch(connection, launch_of(site), NOON) for _ in range(20)]
    assert [each.slot for each in made] == [slot_of(each.id) for each in made]


async def test_a_campaign_is_launched_once_for_each_moment(connection, site):
    campaign = await add_campaign(connection, site.id, new())
    first = await add_launch(connection, launch_of(site, campaign.id), NOON)
    assert await add_launch(connection, launch_of(site, campaign.id, nonce="bbbbbbbb"), LATER) is None
    second = await add_launch(connection, launch_of(site, campaign.id, moment=LATER), LATER)
    assert await launches_of(connection, campaign.id, site.id) == [first, second]
    assert await launches_of(connection, campaign.id, site.id + 1) == []


async def test_another_accounts_launch_is_not_found_nor_one_with_another_nonce(connection, site):
    other = await make_site(connection)
    made = await add_launch(connection, launch_of(site), NOON)
    assert await find_launch(connection, scope_of(other.account), LaunchId(made.id, "abcdefgh")) is None
    assert (
        await find_launch(connection, scope_of(site.account, other.id), LaunchId(made.id, "abcdefgh")) is None
    )
    assert await find_launch(connection, scope_of(site.account), LaunchId(made.id, "bbbbbbbb")) is None


async def test_what_is_wanted_is_written_down_for_a_control_record(connection, site):
    campaign = await add_campaign(connection, site.id, new())
    made = await add_launch(connection, launch_of(site, campaign.id), NOON)
    paused = controlled(made, State.PAUSED, LATER)
    await control_launches(connection, [paused])
    assert await open_launches(connection, campaign.id, site.id) == [paused]
    assert await connection.fetchval("SELECT control_due FROM launch WHERE id = $1", made.id)
    await connection.execute("UPDATE launch SET state = 'done'")
    assert await open_launches(connection, campaign.id, site.id) == []


async def test_a_small_send_waits_in_the_outbox_and_no_launcher_writes_it(connection, site):
    made = await add_launch(connection, launch_of(site), NOON, by_outbox=True)
    assert (made.state, made.written, made.last_due_at) == (LaunchState.WRITTEN, 0, NOON)
    await add_to_outbox(connection, made, [7, 8], urgent=True)
    rows = await connection.fetch("SELECT relay, launch, subscriber, urgent FROM outbox ORDER BY id")
    assert [tuple(row) for row in rows] == [(made.slot, made.id, 7, True), (made.slot, made.id, 8, True)]


async def test_counts_are_added_over_partitions(connection, site):
    one = await add_launch(connection, launch_of(site), NOON)
    other = await add_launch(connection, launch_of(site), NOON)
    await connection.executemany(
        "INSERT INTO launch_count (launch, partition, status, count, attempted, until) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (one.id, 0, "sent", 5, 5, NOON),
            (one.id, 1, "sent", 2, 2, LATER),
            (one.id, 1, "lapsed", 1, 0, NOON),
        ],
    )
    await connection.executemany(
        "INSERT INTO engagement_count (launch, partition, kind, first, total) VALUES ($1, $2, $3, $4, $5)",
        [(one.id, 0, "clicked", 1, 3), (one.id, 1, "clicked", 1, 1), (one.id, 0, "unsubscribed", 1, 1)],
    )
    counts, until = await counts_of(connection, [one, other])
    assert counts == [
        Counts(
            targeted=2,
            written=0,
            by_status={"sent": 7, "lapsed": 1},
            attempted=7,
            unsubscribed=1,
            engagement={"clicks": Engagement(2, 4)},
        ),
        Counts(targeted=2, written=0),
    ]
    assert until == LATER
    done = msgspec.structs.replace(other, state=LaunchState.DONE)
    assert await counts_of(connection, [done]) == ([Counts(targeted=2, written=0, is_done=True)], None)
