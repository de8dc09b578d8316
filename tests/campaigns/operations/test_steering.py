from datetime import timedelta

import msgspec
import pytest

from campaigns.model.campaign import CampaignStatus as S
from campaigns.model.campaign import Plan
from campaigns.model.campaign_filter import CampaignFilter
from campaigns.model.condition import Comparison, Op
from campaigns.model.problems import ConflictError, ForbiddenError, NotFoundError
from campaigns.model.recurrence import Recurrence
from campaigns.model.scope import Permission
from campaigns.model.target import Everyone, InSegment
from campaigns.operations.campaign_lists import find_campaigns
from campaigns.operations.campaigns import (
    CampaignChanges,
    CampaignDraft,
    cancel_campaign,
    get_campaign,
    get_campaigns,
    launch_campaign,
    pause_campaign,
)
from campaigns.operations.launching import launch_due_campaign
from campaigns.operations.segments import create_segment, remove_segment
from campaigns.operations.steering import (
    cancel_unsent,
    check_recurrence,
    create_for,
    discard_campaign,
    edit_as_it_is,
    launch_named,
    launch_or_resume,
    pause_recurring,
    remove_discarded,
)
from campaigns.store.launching import keep_controlled
from tests.campaigns.operations.support import HELLO, LATER, NOW, contents
from tests.campaigns.operations.test_campaigns import made

HOUR = timedelta(hours=1)
HOURLY = Recurrence(cron="0 * * * *", zone="UTC")
DRAFT = CampaignDraft(name="Hourly", content=HELLO, target=Everyone(), recurrence=HOURLY)


async def recurring(scope, service, site):
    return (await launch_named(scope, service, site.id, lambda _site: DRAFT, NOW)).campaign


async def test_a_campaign_is_made_for_its_site(scope, service, site):
    def draft_for(found):
        assert found == site
        return msgspec.structs.replace(DRAFT, content={**HELLO, "url": found.url})

    draft = await create_for(scope, service, site.id, draft_for, NOW)
    assert (draft.campaign.status, draft.campaign.content.url) == (S.DRAFT, site.url)
    launched = await create_for(scope, service, site.id, draft_for, NOW, launch=True)
    assert launched.campaign.status is S.RECURRING


async def test_a_change_may_depend_on_what_is_there(scope, service, site):
    campaign = await made(scope, service, site, name="Sale")

    def changes_of(found_site, found):
        return CampaignChanges(name=f"{found.name} of {found_site.name}")

    changed = await edit_as_it_is(scope, service, campaign.id, changes_of, NOW)
    assert changed.campaign.name == f"Sale of {site.name}"


async def test_a_name_is_a_recurring_campaigns_alone(scope, service, site):
    first = await recurring(scope, service, site)
    await made(scope, service, site, name="Other")
    with pytest.raises(ConflictError, match="of this name"):
        await recurring(scope, service, site)
    assert (await get_campaigns(scope, service, site.id, limit=9)).items[-1].campaign == first
    await discard_campaign(scope, service, first.id, NOW)
    other = msgspec.structs.replace(DRAFT, name="Other")
    await launch_named(scope, service, site.id, lambda _site: other, NOW)
    await recurring(scope, service, site)


async def test_a_draft_is_launched_and_what_is_paused_goes_on(scope, service, site):
    campaign = await made(scope, service, site, recurrence=HOURLY)
    assert (await launch_or_resume(scope, service, campaign.id, NOW)).campaign.status is S.RECURRING
    with pytest.raises(ConflictError):
        await launch_or_resume(scope, service, campaign.id, NOW)
    assert (await pause_recurring(scope, service, campaign.id, NOW)).campaign.status is S.PAUSED
    assert (await launch_or_resume(scope, service, campaign.id, NOW)).campaign.status is S.RECURRING


async def test_what_waits_for_its_time_is_not_launched_before(scope, service, site):
    campaign = await made(scope, service, site, plan=Plan(start_at=LATER))
    assert (await launch_or_resume(scope, service, campaign.id, NOW)).campaign.status is S.SCHEDULED
    with pytest.raises(ConflictError, match="begins at its time"):
        await launch_or_resume(scope, service, campaign.id, NOW)
    with pytest.raises(ConflictError, match="does not recur"):
        await pause_recurring(scope, service, campaign.id, NOW)


async def test_what_is_sent_in_part_is_not_cancelled(database, scope, service, site):
    campaign = await made(scope, service, site)
    await launch_campaign(scope, service, campaign.id, NOW)
    async with database.connection() as connection:
        await connection.execute("UPDATE launch SET written = 1")
    with pytest.raises(ConflictError, match="sent already"):
        await cancel_unsent(scope, service, campaign.id, NOW)
    async with database.connection() as connection:
        await connection.execute("UPDATE launch SET written = 0")
    assert (await cancel_unsent(scope, service, campaign.id, NOW)).campaign.status is S.CANCELLED
    with pytest.raises(ConflictError):
        await cancel_unsent(scope, service, campaign.id, NOW)


async def test_what_recurs_is_another_thing_than_what_does_not(scope, service, site):
    once, again = await made(scope, service, site), await recurring(scope, service, site)
    await check_recurrence(scope, service, once.id, recurs=False)
    await check_recurrence(scope, service, again.id, recurs=True)
    for number, recurs in ((once.id, True), (again.id, False), (2**39, True)):
        with pytest.raises(NotFoundError):
            await check_recurrence(scope, service, number, recurs=recurs)


# ── deleted ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_not_under_way_is_deleted_at_once(database, scope, service, site):
    before = (await contents(database))["campaign"]
    draft, again = await made(scope, service, site), await recurring(scope, service, site)
    paused = await made(scope, service, site, recurrence=HOURLY)
    await launch_campaign(scope, service, paused.id, NOW)
    await pause_campaign(scope, service, paused.id, NOW)
    for campaign in (draft, again, paused):
        await discard_campaign(scope, service, campaign.id, NOW)
    assert (await contents(database))["campaign"] == before
    assert await launch_due_campaign(service, LATER) is None


async def test_what_is_being_sent_once_is_not_deleted(scope, service, site):
    campaign = await made(scope, service, site)
    await launch_campaign(scope, service, campaign.id, NOW)
    with pytest.raises(ConflictError, match="queued"):
        await discard_campaign(scope, service, campaign.id, NOW)


async def test_what_recurs_is_cancelled_hidden_and_deleted_once_the_worker_knows(
    database, scope, service, site
):
    campaign = await recurring(scope, service, site)
    await launch_due_campaign(service, LATER)
    [launch] = (await get_campaign(scope, service, campaign.id)).launches
    await discard_campaign(scope, service, campaign.id, LATER)
    with pytest.raises(NotFoundError):
        await get_campaign(scope, service, campaign.id)
    with pytest.raises(NotFoundError):
        await cancel_campaign(scope, service, campaign.id, LATER)
    assert (await get_campaigns(scope, service, site.id, limit=9)).items == []
    found = await find_campaigns(scope, service, CampaignFilter(), offset=0, limit=9)
    assert (found.campaigns, found.total) == ([], 0)
    assert await remove_discarded(service) == 0
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT wanted, control_due FROM launch")
        assert tuple(row) == ("cancelled", True)
        stopped = await connection.fetchrow("SELECT wanted_at, shift FROM launch")
        told = msgspec.structs.replace(launch, wanted="cancelled", **dict(stopped))
        await keep_controlled(connection, told)
    assert await remove_discarded(service) == 1
    assert await remove_discarded(service) == 0
    assert (await contents(database))["launch"] == []


async def test_what_is_refused_is_stopped_before_it_is_deleted(database, scope, service, site):
    segment = await create_segment(scope, service, site.id, "News", Comparison("tag", Op.EQ, "news"))
    campaign = await made(scope, service, site, recurrence=HOURLY, target=InSegment(segment.id))
    await launch_campaign(scope, service, campaign.id, NOW)
    await launch_due_campaign(service, LATER)
    await remove_segment(scope, service, segment.id)
    assert (await launch_due_campaign(service, LATER + HOUR)).campaign.status is S.REFUSED
    await discard_campaign(scope, service, campaign.id, LATER + HOUR)
    assert await remove_discarded(service) == 0
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT wanted, control_due FROM launch")
        assert tuple(row) == ("cancelled", True)


async def test_whoever_may_not_send_may_do_none_of_this(scope, service, site):
    campaign = await made(scope, service, site)
    reader = msgspec.structs.replace(scope, scopes=frozenset({Permission.READ}))
    for action in (launch_or_resume, pause_recurring, cancel_unsent, discard_campaign):
        with pytest.raises(ForbiddenError):
            await action(reader, service, campaign.id, NOW)
    for make in (create_for, launch_named):
        with pytest.raises(ForbiddenError):
            await make(reader, service, site.id, lambda _site: DRAFT, NOW)
    with pytest.raises(ForbiddenError):
        await edit_as_it_is(reader, service, campaign.id, lambda *_: CampaignChanges(), NOW)
