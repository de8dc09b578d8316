"""A site with all that its owner needs: all of it, or nothing."""

import pytest

from campaigns.model.credential import CredentialKind
from campaigns.model.platforms import Alias
from campaigns.model.problems import ConflictError, InvalidError
from campaigns.operations.onboarding import SecondSiteError, onboard
from campaigns.operations.sites import SiteDraft
from tests.campaigns.operations.support import contents, make_account, make_site

DRAFT = SiteDraft(url="https://shop.example")


async def test_each_api_gets_a_token_of_its_own(scope, service):
    made = await onboard(scope, service, DRAFT)
    tokens = {*made.tokens.values(), made.device_token}
    assert len(tokens) == len(CredentialKind) + 1
    assert not [token for token in tokens if token in repr(made)]


async def test_nothing_is_left_of_one_that_fails(database, scope, service):
    alias = Alias(CredentialKind.PUSHARY, "site_old")
    await onboard(scope, service, DRAFT, [alias])
    other = await make_account(database)
    before = await contents(database)
    with pytest.raises(ConflictError):
        await onboard(other, service, DRAFT, [alias])
    assert await contents(database) == before


async def test_the_first_site_of_the_same_pages_is_told(database, scope, service, site):
    await make_site(scope, service)
    same = SiteDraft(url="https://SHOP.example/en")
    with pytest.raises(SecondSiteError) as raised:
        await onboard(scope, service, same, another=False)
    assert raised.value.site == site
    await onboard(scope, service, same)
    await onboard(scope, service, SiteDraft(url="https://www.shop.example"), another=False)
    await onboard(await make_account(database), service, same, another=False)


@pytest.mark.parametrize("url", ["http://shop.example", "shop.example", "https://"])
async def test_a_url_that_is_none_is_one_problem(scope, service, url):
    with pytest.raises(InvalidError) as raised:
        await make_site(scope, service, url=url)
    assert [problem.field for problem in raised.value.problems] == ["url"]
