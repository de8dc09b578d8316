import asyncio
from datetime import timedelta

from campaigns.model.campaign import CampaignStatus as S
from campaigns.model.campaign import Plan
from campaigns.model.target import Everyone, InSegment
from campaigns.operations.campaigns import CampaignDraft, create_campaign, get_campaign, launch_campaign
from campaigns.operations.launching import launch_due_campaign
from campaigns.operations.segments import create_segment, remove_segment
from campaigns.operations.sites import SiteChanges, edit_site
from campaigns.store.launching import open_launches
from tests.campaigns.operations.support import HELLO, LATER, NOW
from tests.campaigns.operations.test_segments import NEWS

MINUTE = timedelta(minutes=1)


async def made(scope, service, site, **fields):
    draft = CampaignDraft(**{"name": "Sale", "content": HELLO, "target": Everyone(), **fields})
    return (await create_campaign(scope, service, site.id, draft, NOW)).campaign


async def test_a_campaign_whose_time_has_come_is_launched_once(database, scope, service, site):
    campaign = await made(scope, service, site, plan=Plan(start_at=LATER))
    await launch_campaign(scope, service, campaign.id, NOW)
    assert await launch_due_campaign(service, LATER - MINUTE) is None
    results = await asyncio.gather(*(launch_due_campaign(service, LATER + MINUTE) for _ in range(4)))
    assert [each.status for each in results if each is not None] == [S.QUEUED]
    [launch] = (await get_campaign(scope, service, campaign.id)).launches
    assert (launch.moment, launch.start_at) == (LATER, LATER + MINUTE)


async def test_a_local_time_comes_first_where_the_day_begins(scope, service, site):
    local = LATER.replace(tzinfo=None)
    campaign = await made(scope, service, site, plan=Plan(local_time=local + timedelta(hours=14)))
    await launch_campaign(scope, service, campaign.id, NOW)
    assert await launch_due_campaign(service, LATER - MINUTE) is None
    assert (await launch_due_campaign(service, LATER)).status is S.QUEUED
    [launch] = (await get_campaign(scope, service, campaign.id)).launches
    assert (launch.moment, launch.local_time) == (LATER, local + timedelta(hours=14))


async def test_a_campaign_that_cannot_be_launched_in_its_time_is_refused(scope, service, site):
    segment = await create_segment(scope, service, site.id, "News", NEWS)
    campaign = await made(scope, service, site, target=InSegment(segment.id), plan=Plan(start_at=LATER))
    await launch_campaign(scope, service, campaign.id, NOW)
    await remove_segment(scope, service, segment.id)
    assert (await launch_due_campaign(service, LATER)).status is S.REFUSED
    assert (await get_campaign(scope, service, campaign.id)).launches == []
    assert await launch_due_campaign(service, LATER) is None


async def test_a_launch_keeps_the_zone_that_its_site_had(database, scope, service, site):
    """Its audience is divided by zones: one half written, nobody may change sides."""
    campaign = await made(scope, service, site, plan=Plan(local_time=LATER.replace(tzinfo=None)))
    [launch] = (await launch_campaign(scope, service, campaign.id, NOW)).launches
    await edit_site(scope, service, site.id, SiteChanges(zone="Asia/Tokyo"))
    async with database.connection() as connection:
        [opened] = await open_launches(connection, launch.slot)
    assert opened.site_zone == site.zone != "Asia/Tokyo"
