"""Rows for tests are such that a real service starts on them."""

from campaigns.model.secrets import parse_secrets
from campaigns.operations.secret_check import check_secret
from tests.harness.audiences import add_site
from tests.harness.campaigns_process import SECRET


async def test_a_real_service_can_open_the_key_of_a_site(database):
    async with database.transaction() as connection:
        await add_site(connection)
        await check_secret(connection, parse_secrets(SECRET))
