"""Campaigns and launches: read as they were written, and never another account's."""

from datetime import datetime, timedelta

import msgspec

from campaigns.model.campaign import CampaignStatus, NewCampaign, Plan
from campaigns.model.condition import Comparison, Op
from campaigns.model.recurrence import Recurrence
from campaigns.model.site import TrackClicks
from campaigns.model.target import Everyone, Meeting
from campaigns.store.campaigns import (
    add_campaign,
    delete_campaign,
    find_campaign,
    list_campaigns,
    replace_campaign,
)
from campaigns.store.discarded import delete_discarded, discard_campaign
from campaigns.store.templates import add_template
from tests.campaigns.store.support import NOON, make_site, scope_of
from tests.harness.audiences import add_launch
from worker.records.job import Urgency
from worker.records.notification import Notification

HELLO = Notification("Hello {{name}}", "https://shop.example/", data={"a": [1]})
FULL = Plan(
    start_at=NOON,
    stretch_time=60.5,
    ttl=30,
    ends_at=NOON + timedelta(hours=1),
    urgency=Urgency.HIGH,
    topic="promo",
)
LOCAL = Plan(local_time=datetime(2026, 11, 22, 9))  # noqa: DTZ001 - without a zone: each subscriber's own


def new(**fields):
    return NewCampaign(**{"name": "Sale", "content": HELLO, "target": Everyone(), **fields})


async def test_a_campaign_is_read_as_it_was_written(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        template = await add_template(connection, site.id, "Hello", HELLO)
        meeting = Meeting(Comparison("seen_at", Op.GT, NOON))
        dates = Recurrence(dates=(datetime(2026, 11, 22, 9),), zone="Asia/Tokyo")  # noqa: DTZ001 - as above
        given = new(plan=FULL, target=meeting, template=template.id, recurrence=dates)
        made = await add_campaign(connection, site.id, given)
        assert (made.status, made.plan, made.target) == (CampaignStatus.DRAFT, FULL, meeting)
        assert (made.recurrence, made.next_at) == (dates, None)
        assert (made.content, made.template, made.adapter) == (HELLO, template.id, "own")
        changed = msgspec.structs.replace(
            made,
            name="Other",
            status=CampaignStatus.SCHEDULED,
            plan=LOCAL,
            target=Everyone(),
            track_clicks=TrackClicks.REDIRECT,
            options={"queryParams": {"a": "b"}},
            recurrence=Recurrence(cron="0 9 * * *", zone="UTC"),
            next_at=NOON,
            updated_at=made.updated_at + timedelta(seconds=1),
        )
        await replace_campaign(connection, changed)
        assert await find_campaign(connection, scope_of(site.account), made.id, to_change=True) == changed


async def test_another_accounts_campaign_is_not_found(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        sibling = await make_site(connection, site.account)
        made = await add_campaign(connection, site.id, new())
        assert await find_campaign(connection, scope_of(other.account), made.id) is None
        assert await find_campaign(connection, scope_of(site.account, sibling.id), made.id) is None
        assert await find_campaign(connection, scope_of(site.account, site.id), made.id) == made


async def test_campaigns_are_listed_with_the_newest_first(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        await add_campaign(connection, other.id, new())
        first, second, third = [await add_campaign(connection, site.id, new()) for _ in range(3)]
        assert await list_campaigns(connection, site.id, limit=2) == [third, second]
        assert await list_campaigns(connection, site.id, before=second.id, limit=2) == [first]
        assert await list_campaigns(connection, site.id, status=CampaignStatus.DONE, limit=2) == []
        await delete_campaign(connection, msgspec.structs.replace(first, site=other.id))
        await delete_campaign(connection, third)
        assert await list_campaigns(connection, site.id, limit=9) == [second, first]


COUNT = """
INSERT INTO launch_count (launch, partition, status, count)
SELECT id, partition, 'accepted', 1 FROM launch, generate_series(0, 1) AS partition
"""
COUNT_REPORTS = """
INSERT INTO engagement_count (launch, partition, kind, first, total) SELECT id, 0, 'shown', 1, 1 FROM launch
"""


async def test_what_is_counted_of_a_campaign_is_deleted_with_it(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        stays, deleted, hidden = [(await add_campaign(connection, site.id, new())) for _ in range(3)]
        for number, campaign in enumerate((stays, deleted, hidden), 1):
            await add_launch(connection, site.id, number=number, campaign=campaign.id)
        await connection.execute(COUNT)
        await connection.execute(COUNT_REPORTS)
        await delete_campaign(connection, deleted)
        await discard_campaign(connection, hidden.id, site.id)
        assert await delete_discarded(connection, 9) == 1
        for table in ("launch_count", "engagement_count"):
            found = await connection.fetch(f"SELECT DISTINCT launch FROM {table}")
            assert [row["launch"] for row in found] == [1], table
