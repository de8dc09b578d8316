"""Lists by offset over all sites of an account, and within the one site of a credential."""

from datetime import timedelta

import msgspec

from campaigns.model.campaign import Plan
from campaigns.model.recurrence import Recurrence
from campaigns.model.subscriber import SubscriberStatus
from campaigns.model.target import Everyone
from campaigns.operations.campaigns import CampaignDraft, create_campaign, launch_campaign
from campaigns.operations.launching import launch_due_campaign
from campaigns.operations.listing import (
    Window,
    account_zone,
    all_campaigns,
    all_sites,
    all_subscribers,
    count_all_campaigns,
    count_all_sites,
)
from campaigns.operations.steering import discard_campaign
from campaigns.operations.subscribers import Subscribing, subscribe
from campaigns.operations.switching import switch_subscriber
from tests.campaigns.operations.support import HELLO, LATER, NOW, make_account, make_site, subscription

DRAFT = CampaignDraft(name="x", content=HELLO, target=Everyone())


async def test_campaigns_of_all_sites_are_listed_the_newest_first(database, scope, service, site):
    other = (await make_site(scope, service)).site
    planned = msgspec.structs.replace(DRAFT, plan=Plan(start_at=LATER))
    made = [
        (await create_campaign(scope, service, number, draft, NOW)).campaign.id
        for number, draft in ((site.id, DRAFT), (other.id, planned), (site.id, DRAFT))
    ]
    stranger = await make_account(database)
    strange = (await make_site(stranger, service)).site
    await create_campaign(stranger, service, strange.id, DRAFT, NOW)

    async def listed(window, scope=scope, **more):
        return [made.index(each.id) for each in await all_campaigns(scope, service, window, **more)]

    assert await listed(Window(0, 9)) == [2, 1, 0]
    assert await listed(Window(1, 1)) == [1]
    assert await listed(Window(0, 9), site=site.id) == [2, 0]
    assert await listed(Window(0, 9), msgspec.structs.replace(scope, site=other.id)) == [1]
    around = Window(0, 9, LATER, LATER + timedelta(seconds=1))
    assert await listed(around) == [1], "by its start, not by when it was made"


async def test_what_is_deleted_once_the_worker_knows_is_counted_no_more(scope, service, site):
    hourly = msgspec.structs.replace(DRAFT, recurrence=Recurrence(cron="0 * * * *", zone="UTC"))
    made = [
        (await create_campaign(scope, service, site.id, each, NOW)).campaign.id for each in (DRAFT, hourly)
    ]
    await launch_campaign(scope, service, made[1], NOW)
    await launch_due_campaign(service, LATER)
    assert await count_all_campaigns(scope, service, site.id) == 2
    await discard_campaign(scope, service, made[1], LATER)
    assert [each.id for each in await all_campaigns(scope, service, Window(0, 9))] == made[:1]
    assert await count_all_campaigns(scope, service, site.id) == 1


async def test_sites_are_listed_and_counted(database, scope, service, site):
    other = (await make_site(scope, service)).site
    await make_site(await make_account(database), service)
    assert await all_sites(scope, service, Window(0, 9)) == [site, other]
    assert await all_sites(scope, service, Window(1, 9)) == [other]
    assert await count_all_sites(scope, service) == 2
    limited = msgspec.structs.replace(scope, site=other.id)
    assert await all_sites(limited, service, Window(0, 9)) == [other]
    assert await count_all_sites(limited, service) == 1


async def test_subscribers_of_every_status_are_listed_by_number(scope, service, site):
    numbers = []
    for hours in range(4):
        said = Subscribing(subscription=subscription(str(hours)))
        came = await subscribe(service, site.id, said, NOW + timedelta(hours=hours))
        numbers.append(came.number)
    off = await switch_subscriber(scope, service, numbers[0], LATER, on=False)
    assert off.status is SubscriberStatus.OFF

    async def listed(window):
        return [each.id for each in await all_subscribers(scope, service, site.id, window)]

    assert await listed(Window(0, 9)) == sorted(numbers)
    assert await listed(Window(1, 2)) == sorted(numbers)[1:3]
    assert await listed(Window(4, 9)) == []
    since, until = NOW + timedelta(hours=1), NOW + timedelta(hours=3)
    assert await listed(Window(0, 9, since, until)) == sorted(numbers[1:3])


async def test_an_account_has_a_zone(scope, service):
    assert await account_zone(scope, service) == "UTC"
