from campaigns.model.campaign_filter import CampaignFilter
from campaigns.model.recurrence import Recurrence
from campaigns.operations.campaign_lists import find_campaigns
from tests.campaigns.operations.support import make_account, make_site
from tests.campaigns.operations.test_campaigns import made

HOURLY = Recurrence(cron="0 * * * *", zone="UTC")


async def test_campaigns_of_all_sites_are_listed_by_offset_with_their_number(database, scope, service, site):
    other = (await make_site(scope, service)).site
    stranger = await make_account(database)
    await made(stranger, service, (await make_site(stranger, service)).site)
    sale = await made(scope, service, site, name="Summer SALE")
    daily = await made(scope, service, other, name="Daily", recurrence=HOURLY)
    news = await made(scope, service, site, name="50%_off")

    async def found(offset=0, limit=9, **wanted):
        result = await find_campaigns(scope, service, CampaignFilter(**wanted), offset=offset, limit=limit)
        return result.campaigns, result.total

    assert await found() == ([news, daily, sale], 3)
    assert await found(1, 1) == ([daily], 3)
    assert await found(5, 9) == ([], 3)
    assert await found(site=site.id) == ([news, sale], 2)
    assert await found(name="sale") == ([sale], 1)
    assert await found(name="%") == ([news], 1)
    assert await found(recurring=True) == ([daily], 1)
    assert await found(recurring=False, limit=1) == ([news], 2)
