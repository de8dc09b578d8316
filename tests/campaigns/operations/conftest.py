import pytest

from tests.campaigns.operations.support import make_account, make_site, service_over


@pytest.fixture
def service(database):
    return service_over(database)


@pytest.fixture
async def scope(database):
    return await make_account(database)


@pytest.fixture
async def site(scope, service):
    return (await make_site(scope, service)).site
