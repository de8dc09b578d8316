import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from campaigns.model.subscriber import SubscriberStatus
from campaigns.store.subscriber_counts import count_subscribers
from campaigns.store.subscriber_sweep import delete_unreachable, delete_unsubscribed
from campaigns.store.subscribers import find_subscriber_of_site, replace_subscriber
from tests.campaigns.store.support import NOON, make_site, make_subscriber

OLD, NEW = NOON - timedelta(days=31), NOON
CUT = NOON - timedelta(days=30)
TABLES = ("subscriber_endpoint", "subscriber_key")


async def leave(connection, site: int, number: int, at, status=SubscriberStatus.UNSUBSCRIBED):
    """Add a subscriber who then loses everything that a push needs."""
    profile = {"external_id": f"user-{number}", "hwid": f"hw-{number}"}
    there = await make_subscriber(connection, site, number, profile=profile)
    gone = replace(there, status=status, subscription=None, seen_at=at, status_at=at)
    await replace_subscriber(connection, there, gone)


async def left(connection) -> list[int]:
    return [row["id"] for row in await connection.fetch("SELECT id FROM subscriber ORDER BY id")]


async def test_who_unsubscribed_long_ago_is_deleted_with_all_that_leads_there(database):
    async with database.transaction() as connection:
        site, other = [(await make_site(connection)).id for _ in range(2)]
        await leave(connection, site, 1, OLD)
        await leave(connection, other, 18, OLD)
        await leave(connection, site, 2, NEW)
        await make_subscriber(connection, site, 3, status_at=OLD, seen_at=OLD)
        await leave(connection, site, 4, OLD, SubscriberStatus.EXPIRED)
        assert await delete_unsubscribed(connection, CUT, 10) == 2
        assert await delete_unsubscribed(connection, CUT, 10) == 0
        assert await left(connection) == [2, 3, 4]
        for table in TABLES:
            rows = await connection.fetch(f"SELECT DISTINCT subscriber FROM {table} ORDER BY 1")
            assert {row["subscriber"] for row in rows} <= {2, 3, 4}, table
        counts = await count_subscribers(connection, site)
        assert {str(status): count for status, count in counts.items() if count} == {
            "active": 1,
            "unsubscribed": 1,
            "expired": 1,
        }
        assert not any((await count_subscribers(connection, other)).values())


@pytest.mark.parametrize("status", ["active", "expired", "off", "bounced"])
async def test_who_cannot_be_sent_to_goes_once_they_were_not_seen_for_long(database, status):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        await leave(connection, site, 1, OLD, SubscriberStatus(status))
        await leave(connection, site, 2, NEW, SubscriberStatus(status))
        await leave(connection, site, 3, OLD)  # has a period of its own
        await make_subscriber(connection, site, 4, status_at=OLD, seen_at=OLD)
        assert await delete_unreachable(connection, CUT, 10) == 1
        assert await left(connection) == [2, 3, 4]


async def test_they_are_deleted_some_at_a_time(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        for number in range(5):
            await leave(connection, site, number, OLD - timedelta(days=number))
        assert [await delete_unsubscribed(connection, CUT, 2) for _ in range(3)] == [2, 2, 1]


async def test_whoever_comes_back_at_that_moment_stays(database):
    async with database.transaction() as connection:
        site = (await make_site(connection)).id
        for number in (1, 2):
            await leave(connection, site, number, OLD, SubscriberStatus.EXPIRED)

    async def delete() -> int:
        async with database.transaction() as connection:
            return await delete_unreachable(connection, CUT, 10)

    async with database.transaction() as connection:
        assert await find_subscriber_of_site(connection, site, 1) is not None  # to change it
        async with asyncio.timeout(60):
            assert await delete() == 1
        await connection.execute("UPDATE subscriber SET seen_at = $1", NEW)
    assert await delete() == 0
    async with database.connection() as connection:
        assert await left(connection) == [1]
