"""Campaigns that are taken back, whatever has become of them."""

import pytest

from campaigns.model.campaign import CampaignStatus
from campaigns.model.problems import ConflictError, NotFoundError
from campaigns.model.target import Everyone
from campaigns.operations.campaigns import CampaignDraft, create_campaign, get_campaign, launch_campaign
from campaigns.operations.withdrawing import withdraw_campaign
from tests.campaigns.operations.support import HELLO, NOW


@pytest.fixture
async def campaign(scope, service, site):
    draft = CampaignDraft(name="x", content=HELLO, target=Everyone())
    made = (await create_campaign(scope, service, site.id, draft, NOW)).campaign
    return (await launch_campaign(scope, service, made.id, NOW)).campaign


async def test_what_is_under_way_is_cancelled_and_then_has_to_be_told(scope, service, campaign):
    await withdraw_campaign(scope, service, campaign.id, NOW)
    assert (await get_campaign(scope, service, campaign.id)).campaign.status is CampaignStatus.CANCELLED
    with pytest.raises(ConflictError):
        await withdraw_campaign(scope, service, campaign.id, NOW)


async def test_what_has_ended_is_forgotten(database, scope, service, campaign):
    async with database.connection() as connection:
        await connection.execute("UPDATE campaign SET status = 'done'")
        await connection.execute("UPDATE launch SET state = 'done'")
    await withdraw_campaign(scope, service, campaign.id, NOW)
    with pytest.raises(NotFoundError):
        await get_campaign(scope, service, campaign.id)
