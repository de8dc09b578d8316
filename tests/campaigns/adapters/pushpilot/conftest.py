import pytest

from tests.campaigns.adapters.pushpilot.support import PushPilotApi


@pytest.fixture
async def api(database) -> PushPilotApi:
    made = PushPilotApi(database)
    await made.onboard()
    return made
