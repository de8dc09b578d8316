"""Campaigns that one request makes and launches."""

import pytest

from campaigns.model.campaign import CampaignStatus, Plan
from campaigns.model.problems import InvalidError
from campaigns.model.target import Everyone, InSegment
from campaigns.operations.campaigns import CampaignDraft
from campaigns.operations.creating import create_and_launch
from tests.campaigns.operations.support import HELLO, LATER, NOW, contents


def draft(**fields):
    return CampaignDraft(**{"name": "x", "content": HELLO, "target": Everyone()} | fields)


async def test_it_is_launched_at_once_or_when_its_time_comes(scope, service, site):
    at_once = await create_and_launch(scope, service, site.id, draft(), NOW)
    assert (at_once.campaign.status, len(at_once.launches)) == (CampaignStatus.QUEUED, 1)
    later = await create_and_launch(scope, service, site.id, draft(plan=Plan(start_at=LATER)), NOW)
    assert (later.campaign.status, later.launches) == (CampaignStatus.SCHEDULED, [])


async def test_what_cannot_be_launched_is_not_made(database, scope, service, site):
    before = await contents(database)
    for wrong in (draft(content={"title": "x"}), draft(target=InSegment(2**39)), draft(plan=Plan(ttl=-1))):
        with pytest.raises(InvalidError):
            await create_and_launch(scope, service, site.id, wrong, NOW)
    assert await contents(database) == before
