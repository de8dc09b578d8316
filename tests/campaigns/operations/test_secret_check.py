"""Whether a secret is the database's own."""

from dataclasses import replace

import pytest

from campaigns.model.secrets import parse_secrets
from campaigns.operations.secret_check import OtherSecretError, check_secret
from tests.campaigns.operations.support import make_site

OTHER = parse_secrets("t" * 32)


async def check(database, secrets):
    async with database.connection() as connection:
        await check_secret(connection, secrets)


async def test_a_new_database_takes_any_secret(database):
    await check(database, OTHER)


async def test_another_secret_is_told(database, site):
    with pytest.raises(OtherSecretError, match="PUSHMILL_CAMPAIGNS_SECRET"):
        await check(database, OTHER)


async def test_a_secret_that_is_being_replaced_is_right(database, scope, service, site):
    await check(database, parse_secrets(f"{'t' * 32},{'s' * 32}"))
    await make_site(scope, replace(service, secrets=OTHER))
    await check(database, OTHER)
