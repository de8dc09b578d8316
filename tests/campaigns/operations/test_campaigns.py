import asyncio
from datetime import timedelta

import msgspec
import pytest

from campaigns.model.attribute import seen
from campaigns.model.campaign import CampaignStatus, Plan
from campaigns.model.condition import Comparison, Op
from campaigns.model.launch import LaunchState
from campaigns.model.problems import ConflictError, InvalidError
from campaigns.model.recurrence import Recurrence
from campaigns.model.site import Defaults, TrackClicks
from campaigns.model.target import Everyone, ExternalIds, InSegment, Meeting, Subscribers
from campaigns.operations.campaign_removal import remove_campaign
from campaigns.operations.campaigns import (
    CampaignChanges,
    CampaignDraft,
    cancel_campaign,
    copy_campaign,
    create_campaign,
    edit_campaign,
    get_campaign,
    get_campaigns,
    launch_campaign,
    pause_campaign,
    resume_campaign,
)
from campaigns.operations.launching import launch_due_campaign
from campaigns.operations.segments import create_segment, remove_segment
from campaigns.operations.sending import send_test
from campaigns.operations.sites import SiteChanges, edit_site
from campaigns.operations.templates import create_template
from campaigns.store.attributes import register_attributes
from campaigns.store.collecting import finish_launches
from campaigns.store.launching import finish_launches as finish_writing
from campaigns.store.launching import keep_controlled
from tests.campaigns.operations.support import HELLO, LATER, NOW, contents, make_site
from tests.campaigns.store.support import make_subscriber
from worker.records.control import State

S = CampaignStatus
NEWS = Comparison("tag", Op.EQ, "news")
MINUTE = timedelta(minutes=1)


async def made(scope, service, site, **fields):
    draft = CampaignDraft(**{"name": "Sale", "content": HELLO, "target": Everyone(), **fields})
    return (await create_campaign(scope, service, site.id, draft, NOW)).campaign


async def launched(scope, service, site, **fields):
    campaign = await made(scope, service, site, **fields)
    return await launch_campaign(scope, service, campaign.id, NOW)


async def test_a_campaign_begins_as_a_draft_with_what_it_is_given(scope, service, site):
    plan = Plan(start_at=LATER, stretch_time=60, ttl=30, topic="promo")
    campaign = await made(scope, service, site, plan=plan, track_clicks=TrackClicks.NONE, options={"a": 1})
    assert (campaign.status, campaign.plan, campaign.track_clicks) == (S.DRAFT, plan, TrackClicks.NONE)
    view = await get_campaign(scope, service, campaign.id)
    assert (view.campaign, view.launches) == (campaign, [])


async def test_content_may_come_from_a_template(scope, service, site):
    template = await create_template(scope, service, site.id, "Hello", HELLO)
    campaign = await made(scope, service, site, content=msgspec.UNSET, template=template.id)
    assert (campaign.content, campaign.template) == (template.content, template.id)
    other = (await make_site(scope, service)).site
    with pytest.raises(InvalidError, match="template"):
        await made(scope, service, other, content=msgspec.UNSET, template=template.id)
    with pytest.raises(InvalidError, match="content"):
        await made(scope, service, site, template=template.id)
    with pytest.raises(InvalidError, match="content"):
        await made(scope, service, site, content=msgspec.UNSET)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"content": {**HELLO, "title": ""}}, "content.title"),
        (
            {"content": {**HELLO, "url": "https://evil.example/"}, "track_clicks": TrackClicks.REDIRECT},
            "content.url",
        ),
        ({"target": InSegment(7)}, "target.segment"),
        ({"plan": Plan(start_at=LATER, stretch_time=60, ends_at=LATER)}, "ends_at"),
        ({"recurrence": Recurrence(cron="* * * * *", zone="UTC")}, "recurrence.cron"),
        ({"recurrence": Recurrence(cron="0 9 * * *", zone="Mars/Base")}, "recurrence.zone"),
    ],
)
async def test_what_is_wrong_is_refused_by_field_and_nothing_is_kept(
    database, scope, service, site, *, fields, field
):
    before = await contents(database)
    with pytest.raises(InvalidError) as raised:
        await made(scope, service, site, **fields)
    assert [each.field for each in raised.value.problems] == [field]
    assert await contents(database) == before


async def test_content_is_checked_with_the_longest_values_of_the_site(database, scope, service, site):
    content = {**HELLO, "body": "{{story}}"}
    assert await made(scope, service, site, content=content)
    async with database.transaction() as connection:
        await register_attributes(connection, site.id, seen({"story": "x" * 3990}))
    with pytest.raises(InvalidError, match="too large"):
        await made(scope, service, site, content=content)


async def test_a_campaign_is_changed_until_it_is_launched(scope, service, site):
    campaign = await made(scope, service, site, plan=Plan(ttl=60))
    changes = CampaignChanges(name="Other", plan={"start_at": LATER}, content={**HELLO, "body": "b"})
    changed = (await edit_campaign(scope, service, campaign.id, changes, LATER)).campaign
    assert (changed.name, changed.plan, changed.content.body) == ("Other", Plan(ttl=60, start_at=LATER), "b")
    with pytest.raises(InvalidError, match="ends_at"):
        await edit_campaign(scope, service, campaign.id, CampaignChanges(plan={"ends_at": NOW}), NOW)
    bad = CampaignChanges(
        content={**HELLO, "url": "https://evil.example/"}, track_clicks=TrackClicks.REDIRECT
    )
    with pytest.raises(InvalidError, match="content"):
        await edit_campaign(scope, service, campaign.id, bad, NOW)
    await launch_campaign(scope, service, campaign.id, LATER)
    with pytest.raises(ConflictError, match="queued"):
        await edit_campaign(scope, service, campaign.id, CampaignChanges(name="x"), LATER)


async def test_a_draft_may_get_its_content_later(scope, service, site):
    draft = await made(scope, service, site, content=None)
    with pytest.raises(ConflictError, match="no notification yet"):
        await launch_campaign(scope, service, draft.id, NOW)
    with pytest.raises(ConflictError, match="no notification yet"):
        await send_test(scope, service, draft.id, Everyone(), NOW)
    copy = (await copy_campaign(scope, service, draft.id, NOW)).campaign
    assert copy.content == draft.content
    named = CampaignChanges(name="Other", track_clicks=TrackClicks.NONE)
    assert (await edit_campaign(scope, service, draft.id, named, NOW)).campaign.content == draft.content
    await edit_campaign(scope, service, draft.id, CampaignChanges(content=HELLO), NOW)
    assert (await launch_campaign(scope, service, draft.id, NOW)).campaign.status is S.QUEUED


async def test_a_recurrence_is_changed_and_seen(scope, service, site):
    daily, hourly = (Recurrence(cron=each, zone="Europe/Berlin") for each in ("0 9 * * *", "0 * * * *"))
    campaign = await made(scope, service, site, recurrence=daily)
    await edit_campaign(scope, service, campaign.id, CampaignChanges(recurrence=hourly), NOW)
    found = (await get_campaign(scope, service, campaign.id)).campaign
    assert (found.recurrence, found.next_at) == (hourly, None)
    launched = (await launch_campaign(scope, service, campaign.id, NOW)).campaign
    assert (launched.status, launched.next_at) == (S.RECURRING, LATER)
    assert (await get_campaign(scope, service, campaign.id)).campaign == launched


async def test_a_launch_copies_what_it_sends(database, scope, service, site):
    await edit_site(scope, service, site.id, SiteChanges(defaults=Defaults(stretch_time=3600, ttl=600)))
    async with database.transaction() as connection:
        for number in range(5):
            tags = ("news",) if number % 2 else ()
            await make_subscriber(connection, site.id, number, profile={"tags": tags, "external_id": "u"})
    segment = await create_segment(scope, service, site.id, "News", NEWS)
    view = await launched(scope, service, site, target=InSegment(segment.id))
    [launch] = view.launches
    assert view.campaign.status is S.QUEUED
    assert (launch.state, launch.targeted, launch.target) == (LaunchState.WRITING, 2, Meeting(NEWS))
    assert (launch.stretch_time, launch.ttl, launch.start_at) == (2, 600, NOW)
    assert launch.content.url == f"https://shop.example/?c=camp_{view.campaign.id}"
    for target, targeted in ((Everyone(), 5), (Subscribers((1, 2, 99)), 2), (ExternalIds(("u",)), 5)):
        [launch] = (await launched(scope, service, site, target=target)).launches
        assert (launch.target, launch.targeted) == (target, targeted)


async def test_a_campaign_whose_segment_is_gone_is_not_launched(database, scope, service, site):
    segment = await create_segment(scope, service, site.id, "News", NEWS)
    campaign = await made(scope, service, site, target=InSegment(segment.id))
    await remove_segment(scope, service, segment.id)
    before = await contents(database)
    with pytest.raises(ConflictError, match="segment is gone"):
        await launch_campaign(scope, service, campaign.id, NOW)
    assert await contents(database) == before


async def test_a_campaign_with_a_time_waits_for_it_and_is_launched_once(scope, service, site):
    campaign = await made(scope, service, site, plan=Plan(start_at=LATER))
    view = await launch_campaign(scope, service, campaign.id, NOW)
    assert (view.campaign.status, view.launches) == (S.SCHEDULED, [])
    results = await asyncio.gather(
        *(launch_campaign(scope, service, campaign.id, NOW) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(each, ConflictError) for each in results) == 3
    assert len((await get_campaign(scope, service, campaign.id)).launches) == 1


async def test_pause_resume_and_cancel_reach_the_launch(database, scope, service, site):
    view = await launched(scope, service, site)
    number = view.campaign.id
    paused = await pause_campaign(scope, service, number, NOW)
    assert (paused.campaign.status, paused.launches[0].wanted) == (S.PAUSED, State.PAUSED)
    resumed = await resume_campaign(scope, service, number, NOW + MINUTE)
    assert (resumed.campaign.status, resumed.launches[0].wanted) == (S.QUEUED, State.RUNNING)
    assert resumed.launches[0].shift == 60
    cancelled = await cancel_campaign(scope, service, number, NOW + 2 * MINUTE)
    assert (cancelled.campaign.status, cancelled.launches[0].wanted) == (S.CANCELLED, State.CANCELLED)
    for action in (pause_campaign, resume_campaign, cancel_campaign, launch_campaign):
        with pytest.raises(ConflictError, match="cancelled"):
            await action(scope, service, number, LATER)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT control_due FROM launch")


async def test_a_scheduled_campaign_is_paused_without_a_launch(scope, service, site):
    campaign = await made(scope, service, site, plan=Plan(start_at=LATER))
    await launch_campaign(scope, service, campaign.id, NOW)
    await pause_campaign(scope, service, campaign.id, NOW)
    view = await resume_campaign(scope, service, campaign.id, NOW)
    assert (view.campaign.status, view.launches) == (S.SCHEDULED, [])


@pytest.mark.parametrize("start_at", [None, NOW - MINUTE], ids=["no time", "past"])
async def test_a_campaign_whose_launches_were_done_while_it_paused_is_not_launched_again(
    database, scope, service, site, start_at
):
    campaign = await made(scope, service, site, plan=Plan(start_at=start_at))
    [launch] = (await launch_campaign(scope, service, campaign.id, NOW)).launches
    await pause_campaign(scope, service, campaign.id, NOW)
    async with database.transaction() as connection:
        await finish_writing(connection, [launch.id])
        await finish_launches(connection, [launch.id], NOW)
    view = await resume_campaign(scope, service, campaign.id, LATER)
    assert view.campaign.status is S.DONE
    assert await launch_due_campaign(service, LATER) is None
    assert len((await get_campaign(scope, service, campaign.id)).launches) == 1


async def test_a_copy_is_a_draft_on_the_same_site_or_another(scope, service, site):
    original = (await launched(scope, service, site)).campaign
    copy = (await copy_campaign(scope, service, original.id, LATER)).campaign
    assert (copy.status, copy.site, copy.name, copy.content) == (S.DRAFT, site.id, "Sale", original.content)
    other = (await make_site(scope, service)).site
    assert (await copy_campaign(scope, service, original.id, LATER, site=other.id)).campaign.site == other.id


async def test_translations_are_checked_for_the_copys_site_and_with_the_clicks(scope, service, site):
    away = {"de": {"title": "Hallo", "url": "https://away.example/"}}
    campaign = await made(scope, service, site, translations=away)
    with pytest.raises(InvalidError, match="origin"):
        await edit_campaign(
            scope, service, campaign.id, CampaignChanges(track_clicks=TrackClicks.REDIRECT), NOW
        )
    home = {"de": {"title": "Hallo", "url": HELLO["url"]}}
    tracked = await made(scope, service, site, translations=home, track_clicks=TrackClicks.REDIRECT)
    changed = await edit_campaign(
        scope, service, tracked.id, CampaignChanges(track_clicks=TrackClicks.PAGE), NOW
    )
    assert changed.campaign.translations == tracked.translations
    other = (await make_site(scope, service, url="https://other.example")).site
    content = {"title": "Hello", "url": "https://other.example/"}
    both = SiteChanges(redirect_origins=("https://other.example",))
    await edit_site(scope, service, site.id, both)
    mixed = await made(
        scope, service, site, content=content, translations=home, track_clicks=TrackClicks.REDIRECT
    )
    with pytest.raises(InvalidError, match="origin"):
        await copy_campaign(scope, service, mixed.id, NOW, site=other.id)
    copy = (await copy_campaign(scope, service, mixed.id, NOW)).campaign
    assert copy.translations == mixed.translations


async def test_what_recurs_is_not_removed_while_a_launch_of_it_is_under_way(database, scope, service, site):
    hourly = Recurrence(cron="0 * * * *", zone="UTC")
    campaign = (await launched(scope, service, site, recurrence=hourly)).campaign
    await launch_due_campaign(service, LATER)
    with pytest.raises(ConflictError, match="under way"):
        await remove_campaign(scope, service, campaign.id)
    [launch] = (await get_campaign(scope, service, campaign.id)).launches
    async with database.transaction() as connection:
        await finish_writing(connection, [launch.id])
        await finish_launches(connection, [launch.id], LATER)
    await remove_campaign(scope, service, campaign.id)
    assert (await get_campaigns(scope, service, site.id, limit=9)).items == []


async def test_what_is_under_way_is_not_removed(database, scope, service, site):
    view = await launched(scope, service, site)
    with pytest.raises(ConflictError):
        await remove_campaign(scope, service, view.campaign.id)
    cancelled = await cancel_campaign(scope, service, view.campaign.id, NOW)
    with pytest.raises(ConflictError, match="has still to be told"):
        await remove_campaign(scope, service, view.campaign.id)
    async with database.connection() as connection:
        await keep_controlled(connection, cancelled.launches[0])
    await remove_campaign(scope, service, view.campaign.id)
    assert (await get_campaigns(scope, service, site.id, limit=9)).items == []


async def test_campaigns_are_listed_with_the_newest_first(scope, service, site):
    numbers = [(await made(scope, service, site)).id for _ in range(3)]
    first = await get_campaigns(scope, service, site.id, limit=2)
    assert [each.campaign.id for each in first.items] == [numbers[2], numbers[1]]
    second = await get_campaigns(scope, service, site.id, before=first.next, limit=2)
    assert ([each.campaign.id for each in second.items], second.next) == ([numbers[0]], None)
    assert (await get_campaigns(scope, service, site.id, status=S.DONE, limit=2)).items == []


async def test_an_operation_joins_a_transaction_that_has_begun(database, scope, service, site):
    before = await contents(database)

    async def undone():
        async with database.transaction() as connection:
            campaign = await made(scope, service.within(connection), site)
            await launch_campaign(scope, service.within(connection), campaign.id, NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert await contents(database) == before
