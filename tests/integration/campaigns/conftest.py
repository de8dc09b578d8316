"""What tests of the running campaign service share."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from campaigns.model.credential import CredentialKind, digest_of
from campaigns.model.scope import Permission
from campaigns.store.accounts import add_account
from campaigns.store.credentials import add_credential
from campaigns.store.database import Database
from tests.harness.campaigns_process import CampaignsProcess, campaigns_environment

Start = Callable[..., CampaignsProcess]


@pytest.fixture
async def start(database_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Makes services on a database of the test's own, and kills them at its end."""
    made: list[CampaignsProcess] = []

    def start(**settings: str) -> CampaignsProcess:
        environment = campaigns_environment(settings.pop("DATABASE_URL", database_url), **settings)
        made.append(CampaignsProcess(environment, tmp_path / f"campaigns-{len(made)}.log"))
        return made[-1]

    yield start
    for each in made:
        await each.kill()


@pytest.fixture
async def key(database: Database) -> str:
    """A key of the own API that may do everything, as often as it likes."""
    return await make_key(database)


async def make_key(database: Database) -> str:
    """Make such a key, of a new account."""
    token = f"pm_{os.urandom(20).hex()}"
    async with database.transaction() as connection:
        await add_credential(
            connection,
            await add_account(connection, "Anybody"),
            site=None,
            kind=CredentialKind.OWN,
            name="",
            scopes=(Permission.ADMIN,),
            digest=digest_of(token),
            rate=1_000_000,
        )
    return token
