"""Campaigns that one request makes and launches."""

import pytest

from campaigns.model.attribute import Type
from campaigns.model.campaign import CampaignStatus, Plan
from campaigns.model.launch import DEFAULT_STRETCH
from campaigns.model.problems import ForbiddenError, InvalidError
from campaigns.model.scope import Permission
from campaigns.model.subscriber import Profile
from campaigns.model.target import Everyone, InSegment
from campaigns.operations.campaigns import CampaignDraft
from campaigns.operations.creating import create_and_launch, create_and_launch_all, sending_to
from campaigns.operations.subscribers import Subscribing, subscribe
from tests.campaigns.operations.support import HELLO, LATER, NOW, contents, make_account, subscription

PNG = b"\x89PNG\r\n\x1a\n..."


def draft(**fields):
    return CampaignDraft(**{"name": "x", "content": HELLO, "target": Everyone()} | fields)


async def test_it_is_launched_at_once_or_when_its_time_comes(scope, service, site):
    at_once = await create_and_launch(scope, service, site.id, draft(), NOW)
    assert (at_once.campaign.status, len(at_once.launches)) == (CampaignStatus.QUEUED, 1)
    later = await create_and_launch(scope, service, site.id, draft(plan=Plan(start_at=LATER)), NOW)
    assert (later.campaign.status, later.launches) == (CampaignStatus.SCHEDULED, [])


async def test_of_several_all_are_launched_or_none(database, scope, service, site):
    both = await create_and_launch_all(scope, service, site.id, [draft(), draft(name="y")], NOW)
    assert [(view.campaign.name, len(view.launches)) for view in both] == [("x", 1), ("y", 1)]
    before = await contents(database)
    with pytest.raises(InvalidError):
        await create_and_launch_all(scope, service, site.id, [draft(), draft(name="")], NOW)
    assert await contents(database) == before


async def test_pictures_come_with_it_or_not_at_all(database, scope, service, site):
    made = await create_and_launch(scope, service, site.id, draft(), NOW, pictures={"icon": PNG})
    assert made.campaign.content.icon.startswith("https://push.example/i/")
    async with database.connection() as connection:
        await connection.execute("DELETE FROM picture")
    with pytest.raises(InvalidError):
        await create_and_launch(scope, service, site.id, draft(name=""), NOW, pictures={"icon": PNG})
    with pytest.raises(InvalidError):
        await create_and_launch(scope, service, site.id, draft(), NOW, pictures={"icon": b"<svg/>"})
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM picture") == 0


async def test_what_is_sent_to_is_known_to_whoever_may_send(database, scope, service, site):
    said = Subscribing(subscription=subscription(), profile=Profile(attributes={"age": 3, "name": "Ada"}))
    await subscribe(service, site.id, said, NOW)
    found = await sending_to(scope, service, site.id)
    assert (found.site, found.zone) == (site, "UTC")
    assert found.types == {"age": Type.NUMBER, "name": Type.TEXT}
    with pytest.raises(ForbiddenError):
        await sending_to(await make_account(database, Permission.READ), service, site.id)


async def test_a_platform_may_stretch_where_nobody_asks(scope, service, site):
    options = {DEFAULT_STRETCH: 18_000.0}
    [launch] = (await create_and_launch(scope, service, site.id, draft(options=options), NOW)).launches
    assert launch.stretch_time == 0, "nobody is there: a default is at most a second for each recipient"
    await subscribe(service, site.id, Subscribing(subscription=subscription()), NOW)
    [launch] = (await create_and_launch(scope, service, site.id, draft(options=options), NOW)).launches
    assert launch.stretch_time == 1
    asked = draft(options=options, plan=Plan(stretch_time=60))
    [launch] = (await create_and_launch(scope, service, site.id, asked, NOW)).launches
    assert launch.stretch_time == 60


async def test_what_cannot_be_launched_is_not_made(database, scope, service, site):
    before = await contents(database)
    for wrong in (draft(content={"title": "x"}), draft(target=InSegment(2**39)), draft(plan=Plan(ttl=-1))):
        with pytest.raises(InvalidError):
            await create_and_launch(scope, service, site.id, wrong, NOW)
    assert await contents(database) == before
