import pytest

from tests.campaigns.adapters.pushwoosh.support import PushwooshApi


@pytest.fixture
async def api(database) -> PushwooshApi:
    """Pushwoosh's API, with a token of an account that has an application."""
    return await PushwooshApi.begun(database)
