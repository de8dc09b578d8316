from datetime import timedelta

from campaigns.model.subscriber import SubscriberStatus
from campaigns.store.expirations import BadKeys, Gone, bounce, expire
from campaigns.store.subscriber_counts import count_subscribers
from campaigns.store.subscribers import digest_of, find_subscriber_of_site
from tests.campaigns.store.support import NOON, make_site, make_subscriber, subscription_of

LATER = NOON + timedelta(hours=1)


def gone(site: int, number: int, endpoint: int | None = None) -> Gone:
    return Gone(site, number, digest_of(subscription_of(endpoint or number).endpoint))


async def statuses(connection, site: int) -> dict[str, int]:
    return {
        str(status): count for status, count in (await count_subscribers(connection, site)).items() if count
    }


async def test_only_a_subscriber_who_still_has_the_endpoint_expires(database):
    async with database.connection() as connection:
        site, other = (await make_site(connection)).id, (await make_site(connection)).id
        for number in (1, 2, 17):
            await make_subscriber(connection, site, number)
        said = [gone(site, 1), gone(site, 2, endpoint=9), gone(other, 17), gone(site, 404)]
        assert await expire(connection, said, LATER) == 1
        assert await expire(connection, said, LATER) == 0
        assert await statuses(connection, site) == {"active": 2, "expired": 1}
        found = await find_subscriber_of_site(connection, site, 1)
        assert (found.status, found.status_at) == (SubscriberStatus.EXPIRED, LATER)


async def test_who_has_unsubscribed_or_is_off_does_not_expire(database):
    async with database.connection() as connection:
        site = (await make_site(connection)).id
        await make_subscriber(connection, site, 1, status=SubscriberStatus.OFF)
        await make_subscriber(connection, site, 2, status=SubscriberStatus.UNSUBSCRIBED, subscription=None)
        assert await expire(connection, [gone(site, 1), gone(site, 2)], LATER) == 0
        assert await expire(connection, [], LATER) == 0


async def test_counts_move_by_site_and_slot(database):
    async with database.connection() as connection:
        sites = [(await make_site(connection)).id for _ in range(2)]
        for site in sites:
            for number in range(40 * site, 40 * site + 20):
                await make_subscriber(connection, site, number)
        said = [gone(site, number) for site in sites for number in range(40 * site, 40 * site + 18)]
        assert await expire(connection, said, LATER) == 36
        rows = await connection.fetch("SELECT site, status, slot, count FROM subscriber_count")
        counted = {tuple(row) for row in rows if row["count"]}
        real = await connection.fetch(
            "SELECT site, status, id % 16 AS slot, count(*) AS count FROM subscriber GROUP BY 1, 2, 3"
        )
        assert counted == {tuple(row) for row in real}


async def test_who_has_changed_since_the_launch_does_not_bounce(database):
    async with database.connection() as connection:
        site = (await make_site(connection)).id
        await make_subscriber(connection, site, 1)
        await make_subscriber(connection, site, 2, updated_at=LATER)
        launched_at = NOON + timedelta(minutes=1)
        assert await bounce(connection, [BadKeys(site, each, launched_at) for each in (1, 2)], LATER) == 1
        assert await statuses(connection, site) == {"active": 1, "bounced": 1}
