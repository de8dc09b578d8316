import pytest

from tests.campaigns.adapters.own.support import SHOP, OwnApi


@pytest.fixture
async def api(database) -> OwnApi:
    """The own API, with the key of an account that may do everything."""
    made = OwnApi(database)
    _, made.token = await made.log_in()
    return made


@pytest.fixture
async def site(api) -> str:
    """The id of a site of that account."""
    return (await api.make("/v1/sites", {"url": SHOP, "open_identity": True}))["id"]
