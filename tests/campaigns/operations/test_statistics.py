from datetime import timedelta

from campaigns.model.campaign import Plan
from campaigns.model.ids import LaunchId
from campaigns.model.statistics import Engagement
from campaigns.model.target import Everyone
from campaigns.operations.campaigns import CampaignDraft, create_campaign, launch_campaign
from campaigns.operations.statistics import campaign_statistics, launch_statistics
from tests.campaigns.operations.support import HELLO, LATER, NOW

COUNT = """
INSERT INTO launch_count (launch, partition, status, count, attempted, until) VALUES ($1, 0, $2, $3, $4, $5)
"""
ENGAGE = "INSERT INTO engagement_count (launch, partition, kind, first, total) VALUES ($1, 0, $2, $3, $4)"


async def test_what_came_of_a_campaign_is_what_came_of_its_launches(database, scope, service, site):
    draft = CampaignDraft(name="Sale", content=HELLO, target=Everyone(), plan=Plan())
    campaign = (await create_campaign(scope, service, site.id, draft, NOW)).campaign
    assert (await campaign_statistics(scope, service, campaign.id)).counted_until is None
    [launch] = (await launch_campaign(scope, service, campaign.id, NOW)).launches
    async with database.transaction() as connection:
        await connection.execute("UPDATE launch SET targeted = 10, written = 9, state = 'done'")
        await connection.execute(COUNT, launch.id, "sent", 5, 5, NOW)
        await connection.execute(COUNT, launch.id, "rejected", 2, 1, LATER)
        await connection.execute(ENGAGE, launch.id, "shown", 4, 6)
    found = await campaign_statistics(scope, service, campaign.id)
    assert (found.targeted, found.written, found.attempted, found.accepted) == (10, 9, 6, 5)
    assert (found.refused, found.not_sent, found.unknown) == (1, 1, 2)
    assert (found.shown, found.counted_until) == (Engagement(4, 6), NOW + timedelta(hours=1))
    assert await launch_statistics(scope, service, LaunchId(launch.id, launch.nonce)) == found
