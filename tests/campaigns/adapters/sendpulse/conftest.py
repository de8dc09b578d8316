import pytest

from tests.campaigns.adapters.sendpulse.support import SendPulseApi, api_over


@pytest.fixture
async def api(database) -> SendPulseApi:
    """SendPulse's API, with the token of a client that may do everything."""
    made = api_over(database)
    await made.join()
    return made


@pytest.fixture
async def site(api) -> int:
    """The number of a website of that client's account."""
    return await api.site()
