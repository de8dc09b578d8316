"""A site with all that its owner needs: all of it, or nothing."""

import pytest

from campaigns.model.credential import CredentialKind
from campaigns.model.platforms import Alias
from campaigns.model.problems import ConflictError
from campaigns.operations.onboarding import onboard
from campaigns.operations.sites import SiteDraft
from tests.campaigns.operations.support import contents, make_account

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
