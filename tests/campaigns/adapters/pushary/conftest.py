import pytest

from tests.campaigns.adapters.pushary.support import PusharyApi


@pytest.fixture
async def api(database) -> PusharyApi:
    """Pushary's API, with the key of a site that may do everything."""
    made = PusharyApi(database)
    await made.join()
    return made
