"""Subscribers: the row, the tables beside it that make things unique, and the counts, always of one mind."""

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.model.device import Device
from campaigns.model.subscriber import Known, PayloadFormat, Profile, SubscriberStatus
from campaigns.store.database import Database
from campaigns.store.subscriber_counts import count_subscribers
from campaigns.store.subscribers import (
    add_subscriber,
    erase_subscriber,
    find_by_hwid,
    find_known,
    find_subscriber,
    find_subscriber_of_site,
    list_by_external_id,
    list_subscribers,
    lock_subscribers,
    pages,
    replace_subscriber,
)
from tests.campaigns.store.support import make_site, make_subscriber, scope_of, subscriber_of, subscription_of

ACTIVE, UNSUBSCRIBED = SubscriberStatus.ACTIVE, SubscriberStatus.UNSUBSCRIBED
EVERYTHING = Profile(
    hwid="h1",
    external_id="user-1",
    tags=("shoes", "é"),
    attributes={"plan": "pro", "age": 7, "sizes": [1, "m"], "vip": True},
    language="de-at",
    country="AT",
    region="Wien",
    city="Wien",
    zone="Europe/Vienna",
    landing_url="https://shop.example/?a=b",
    device=Device("chrome", "android", "mobile", "Pixel 9"),
    payload_format=PayloadFormat.PUSHWOOSH,
)


async def test_a_subscriber_is_read_as_it_was_written(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        made = subscriber_of(site.id, 2**53 - 1)
        made = msgspec.structs.replace(made, profile=EVERYTHING)
        await add_subscriber(connection, made)
        assert await find_subscriber(connection, scope_of(site.account), made.id) == made
        assert await find_subscriber_of_site(connection, site.id, made.id) == made
        nobody = await make_subscriber(connection, site.id, 1, subscription=None, vapid_key=None)
        assert await find_subscriber_of_site(connection, site.id, 1) == nobody


async def test_a_subscriber_is_replaced(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        made = await make_subscriber(connection, site.id, 1)
        changed = msgspec.structs.replace(made, profile=EVERYTHING, subscription=subscription_of(2))
        await replace_subscriber(connection, made, changed)
        assert await find_subscriber_of_site(connection, site.id, 1) == changed


async def test_another_account_s_subscriber_is_not_there(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        beside = await make_site(connection, site.account)
        made = await make_subscriber(connection, site.id, 1)
        for scope in (scope_of(other.account), scope_of(site.account, beside.id)):
            assert await find_subscriber(connection, scope, 1) is None
        assert await find_subscriber_of_site(connection, beside.id, 1) is None
        await erase_subscriber(connection, msgspec.structs.replace(made, site=other.id))
        assert await find_subscriber_of_site(connection, site.id, 1) == made
        assert (await count_subscribers(connection, other.id))[ACTIVE] == 0


async def test_everybody_who_may_be_meant_is_found(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        named = await make_subscriber(connection, site.id, 1)
        holder = await make_subscriber(connection, site.id, 2)
        device = await make_subscriber(connection, site.id, 3, profile={"hwid": "h3"})
        asked = {"number": 1, "endpoint": holder.subscription.endpoint, "hwid": "h3"}
        assert await find_known(connection, site.id, **asked) == Known(named, holder, device)
        assert await find_known(connection, other.id, **asked) == Known()
        assert await find_known(connection, site.id, number=None, endpoint="https://x", hwid=None) == Known()


async def test_whoever_unsubscribes_is_known_by_the_endpoint_until_erased(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        made = await make_subscriber(connection, site.id, 1)
        endpoint = made.subscription.endpoint
        left = msgspec.structs.replace(made, status=UNSUBSCRIBED, subscription=None)
        await replace_subscriber(connection, made, left)
        assert "https://push.example" not in str(await connection.fetchrow("SELECT * FROM subscriber"))
        known = await find_known(connection, site.id, number=None, endpoint=endpoint, hwid=None)
        assert known.by_endpoint == left
        await replace_subscriber(connection, left, left)
        await erase_subscriber(connection, left)
        assert await find_known(connection, site.id, number=None, endpoint=endpoint, hwid=None) == Known()
        for table in ("subscriber", "subscriber_endpoint", "subscriber_key"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_an_endpoint_is_taken_over(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        one, two = [await make_subscriber(connection, site.id, number) for number in (1, 2)]
        displaced = msgspec.structs.replace(one, status=SubscriberStatus.EXPIRED, subscription=None)
        await replace_subscriber(connection, one, displaced)
        moved = msgspec.structs.replace(two, subscription=one.subscription)
        await replace_subscriber(connection, two, moved)
        for endpoint, holder in ((one.subscription.endpoint, moved), (two.subscription.endpoint, None)):
            known = await find_known(connection, site.id, number=None, endpoint=endpoint, hwid=None)
            assert known.by_endpoint == holder


async def test_a_user_s_browsers_and_a_hwid(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        made = [
            await make_subscriber(connection, site.id, n, profile={"external_id": "u", "hwid": f"h{n}"})
            for n in (3, 1, 2)
        ]
        assert [each.id for each in await list_by_external_id(connection, site.id, "u", -1, 10)] == [1, 2, 3]
        assert [each.id for each in await list_by_external_id(connection, site.id, "u", 1, 1)] == [2]
        assert await list_by_external_id(connection, other.id, "u", -1, 10) == []
        assert await find_by_hwid(connection, site.id, "h3") == made[0]
        renamed = msgspec.structs.replace(made[0], profile=Profile(tags=(), attributes={}, external_id="v"))
        await replace_subscriber(connection, made[0], renamed)
        assert await find_by_hwid(connection, site.id, "h3") is None
        assert [each.id for each in await list_by_external_id(connection, site.id, "u", -1, 10)] == [1, 2]
        assert await list_by_external_id(connection, site.id, "v", -1, 10) == [renamed]


async def test_subscribers_are_listed_page_by_page(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        statuses = list(SubscriberStatus)
        made = [
            await make_subscriber(
                connection,
                site.id,
                number * 7919 % 101,
                status=statuses[number % 5],
                profile={"tags": ("even",) if number % 2 == 0 else ()},
            )
            for number in range(1, 40)
        ]
        await make_subscriber(connection, other.id, 200)
        made.sort(key=lambda each: each.id)
        assert [each async for page in pages(connection, site.id, 7) for each in page] == made
        active = await list_subscribers(connection, site.id, statuses=[ACTIVE], limit=100)
        assert active == [each for each in made if each.status is ACTIVE]
        tagged = await list_subscribers(connection, site.id, tag="even", after=made[9].id, limit=5)
        assert tagged == [each for each in made[10:] if "even" in each.profile.tags][:5]


async def test_two_with_the_same_browser_wait_for_each_other(database):
    held = {"number": 5, "endpoint": "https://a", "hwid": "h"}
    gone = []

    async def take(site, **named):
        async with database.transaction() as connection:
            await lock_subscribers(connection, site, **named)
            gone.append(named)

    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.TaskGroup() as group, database.transaction() as connection:
        await lock_subscribers(connection, 1, **held)
        await take(1, number=6, endpoint="https://b", hwid="i")
        await take(2, **held)
        gone.clear()
        for name, value in held.items():
            group.create_task(take(1, **{name: value}))
        while await connection.fetchval(waiting) < len(held):
            assert gone == []
    assert len(gone) == len(held)


# ── the counts ──────────────────────────────────────────────────────────────────────────────────────────────

STATUSES = st.sampled_from(SubscriberStatus)


@given(steps=st.lists(st.tuples(st.integers(1, 20), st.none() | STATUSES), max_size=30))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_counts_follow_every_change(database_url, steps):
    """A number with a status comes or changes; without one it is erased."""
    there = {}
    async with Database(database_url, size=1) as database, database.transaction() as connection:
        site = await make_site(connection)
        base = site.id * 1_000
        for number, status in steps:
            before = there.pop(number, None)
            if status is None and before is not None:
                await erase_subscriber(connection, before)
            elif status is not None:
                there[number] = subscriber_of(site.id, base + number, status=status)
                if before is None:
                    await add_subscriber(connection, there[number])
                else:
                    await replace_subscriber(connection, before, there[number])
        expected = {
            status: sum(each.status is status for each in there.values()) for status in SubscriberStatus
        }
        assert await count_subscribers(connection, site.id) == expected


async def test_many_who_change_the_same_counts_do_not_block_each_other_for_good(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        made = [await make_subscriber(connection, site.id, 16 * number) for number in range(1, 9)]

    async def change(old, status):
        async with database.transaction() as connection:
            await replace_subscriber(connection, old, msgspec.structs.replace(old, status=status))

    async with asyncio.TaskGroup() as group:
        for index, each in enumerate(made):
            group.create_task(change(each, [SubscriberStatus.BOUNCED, SubscriberStatus.EXPIRED][index % 2]))
    async with database.connection() as connection:
        counts = await count_subscribers(connection, site.id)
    assert (counts[ACTIVE], counts[SubscriberStatus.BOUNCED], counts[SubscriberStatus.EXPIRED]) == (0, 4, 4)


@pytest.mark.parametrize("secret", ["endpoint", "p256dh", "auth"])
async def test_no_secret_is_shown(database, secret):
    async with database.transaction() as connection:
        site = await make_site(connection)
        made = await make_subscriber(connection, site.id, 1)
    assert str(getattr(made.subscription, secret)) not in repr(made) + str(made)
