import asyncio
from datetime import timedelta

from campaigns.model.campaign import CampaignStatus as S
from campaigns.model.campaign import Plan
from campaigns.model.recurrence import Recurrence
from campaigns.model.target import Everyone, InSegment
from campaigns.operations.campaigns import (
    CampaignChanges,
    CampaignDraft,
    create_campaign,
    edit_campaign,
    get_campaign,
    launch_campaign,
    pause_campaign,
    resume_campaign,
)
from campaigns.operations.launching import launch_due_campaign
from campaigns.operations.segments import create_segment, remove_segment
from campaigns.operations.sites import SiteChanges, edit_site
from campaigns.store.collecting import finish_launches
from campaigns.store.launching import finish_launches as finish_writing
from campaigns.store.launching import open_launches
from tests.campaigns.operations.support import HELLO, LATER, NOW
from tests.campaigns.operations.test_segments import NEWS

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOURLY = Recurrence(cron="0 * * * *", zone="UTC")


async def made(scope, service, site, **fields):
    draft = CampaignDraft(**{"name": "Sale", "content": HELLO, "target": Everyone(), **fields})
    return (await create_campaign(scope, service, site.id, draft, NOW)).campaign


async def test_a_campaign_whose_time_has_come_is_launched_once(database, scope, service, site):
    campaign = await made(scope, service, site, plan=Plan(start_at=LATER))
    await launch_campaign(scope, service, campaign.id, NOW)
    assert await launch_due_campaign(service, LATER - MINUTE) is None
    results = await asyncio.gather(*(launch_due_campaign(service, LATER + MINUTE) for _ in range(4)))
    assert [each.campaign.status for each in results if each is not None] == [S.QUEUED]
    [launch] = (await get_campaign(scope, service, campaign.id)).launches
    assert (launch.moment, launch.start_at) == (LATER, LATER + MINUTE)


async def test_a_local_time_comes_first_where_the_day_begins(scope, service, site):
    local = LATER.replace(tzinfo=None)
    campaign = await made(scope, service, site, plan=Plan(local_time=local + timedelta(hours=14)))
    await launch_campaign(scope, service, campaign.id, NOW)
    assert await launch_due_campaign(service, LATER - MINUTE) is None
    assert (await launch_due_campaign(service, LATER)).campaign.status is S.QUEUED
    [launch] = (await get_campaign(scope, service, campaign.id)).launches
    assert (launch.moment, launch.local_time) == (LATER, local + timedelta(hours=14))


async def test_a_campaign_that_cannot_be_launched_in_its_time_is_refused(scope, service, site):
    segment = await create_segment(scope, service, site.id, "News", NEWS)
    campaign = await made(scope, service, site, target=InSegment(segment.id), plan=Plan(start_at=LATER))
    await launch_campaign(scope, service, campaign.id, NOW)
    await remove_segment(scope, service, segment.id)
    assert (await launch_due_campaign(service, LATER)).campaign.status is S.REFUSED
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


# ── again and again ─────────────────────────────────────────────────────────────────────────────────────────


async def recurring(scope, service, site, **fields):
    campaign = await made(scope, service, site, recurrence=HOURLY, **fields)
    return (await launch_campaign(scope, service, campaign.id, NOW)).campaign


async def moments_of(scope, service, campaign):
    return [each.moment for each in (await get_campaign(scope, service, campaign.id)).launches]


async def test_each_planned_moment_makes_one_launch_however_many_look(scope, service, site):
    campaign = await recurring(scope, service, site)
    assert (campaign.status, campaign.next_at) == (S.RECURRING, LATER)
    for hours in range(3):
        now = LATER + hours * HOUR + MINUTE
        found = await asyncio.gather(*(launch_due_campaign(service, now) for _ in range(4)))
        [due] = [each for each in found if each is not None]
        assert (due.due_at, due.campaign.next_at) == (LATER + hours * HOUR, LATER + (hours + 1) * HOUR)
    assert await moments_of(scope, service, campaign) == [LATER, LATER + HOUR, LATER + 2 * HOUR]


async def test_several_moments_of_an_outage_are_launched_one_by_one(scope, service, site):
    campaign = await recurring(scope, service, site)
    late = LATER + 5 * HOUR + MINUTE
    first = await launch_due_campaign(service, late)
    assert (first.skipped_from, first.campaign.next_at) == (LATER, LATER + 5 * HOUR)
    assert (await launch_due_campaign(service, late)).skipped_from is None
    assert await launch_due_campaign(service, late) is None
    assert await moments_of(scope, service, campaign) == [LATER + 4 * HOUR, LATER + 5 * HOUR]


async def test_a_moment_that_a_faster_clock_has_launched_is_passed_over(scope, service, site):
    campaign = await recurring(scope, service, site)
    await launch_due_campaign(service, LATER)
    # To this one's clock the moment is still to come, and it says so again.
    changes = CampaignChanges(recurrence=Recurrence(cron="0 */1 * * *", zone="UTC"))
    await edit_campaign(scope, service, campaign.id, changes, LATER - MINUTE)
    due = await launch_due_campaign(service, LATER)
    assert (due.campaign.status, due.campaign.next_at) == (S.RECURRING, LATER + HOUR)
    assert await moments_of(scope, service, campaign) == [LATER]


async def test_a_paused_campaign_recurs_no_more_until_it_is_resumed(scope, service, site):
    campaign = await recurring(scope, service, site)
    await pause_campaign(scope, service, campaign.id, NOW)
    assert await launch_due_campaign(service, LATER + HOUR) is None
    resumed = await resume_campaign(scope, service, campaign.id, LATER + MINUTE)
    assert (resumed.campaign.status, resumed.campaign.next_at) == (S.RECURRING, LATER + HOUR)
    await launch_due_campaign(service, LATER + HOUR)
    assert await moments_of(scope, service, campaign) == [LATER + HOUR]


async def test_a_recurring_campaign_ends_with_its_last_launch(database, scope, service, site):
    campaign = await recurring(scope, service, site, plan=Plan(ends_at=LATER + MINUTE))
    assert (await launch_due_campaign(service, LATER)).campaign.status is S.QUEUED
    [launch] = (await get_campaign(scope, service, campaign.id)).launches
    async with database.transaction() as connection:
        await finish_writing(connection, [launch.id])
        await finish_launches(connection, [launch.id], LATER)
    assert (await get_campaign(scope, service, campaign.id)).campaign.status is S.DONE


async def test_a_recurring_campaign_goes_on_when_a_launch_of_it_is_done(database, scope, service, site):
    campaign = await recurring(scope, service, site)
    await launch_due_campaign(service, LATER)
    [launch] = (await get_campaign(scope, service, campaign.id)).launches
    async with database.transaction() as connection:
        await finish_writing(connection, [launch.id])
        await finish_launches(connection, [launch.id], LATER)
    assert (await get_campaign(scope, service, campaign.id)).campaign.status is S.RECURRING


async def test_a_recurring_campaign_whose_segment_is_gone_is_refused(scope, service, site):
    segment = await create_segment(scope, service, site.id, "News", NEWS)
    campaign = await recurring(scope, service, site, target=InSegment(segment.id))
    await remove_segment(scope, service, segment.id)
    assert (await launch_due_campaign(service, LATER)).campaign.status is S.REFUSED
    assert await moments_of(scope, service, campaign) == []
