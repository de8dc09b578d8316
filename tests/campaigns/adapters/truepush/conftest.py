import pytest

from tests.campaigns.adapters.truepush.support import TruepushApi


@pytest.fixture
async def api(database) -> TruepushApi:
    made = TruepushApi(database)
    await made.onboard()
    return made
