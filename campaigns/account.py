"""Operations without HTTP, for the oldest account: what commands, the demo and the trial act as.

Decides what must be right about a database before anything is done in it. Knows no operation but that.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from campaigns.api.process import make_service
from campaigns.config import CampaignSettings
from campaigns.model.scope import Permission, Scope
from campaigns.operations.secret_check import check_secret
from campaigns.operations.service import Service
from campaigns.store.accounts import first_account
from campaigns.store.database import STATEMENT_SECONDS, Database
from campaigns.store.migrate import check_schema

_CONNECTIONS = 2


@asynccontextmanager
async def oldest_account(
    settings: CampaignSettings, *, statement_seconds: float = STATEMENT_SECONDS
) -> AsyncIterator[tuple[Scope, Service]]:
    """Open the database that the settings name; yield what every operation takes first and second.

    Args:
        settings: The settings.
        statement_seconds: How long a statement may take.

    Raises:
        DatabaseAwayError: The database cannot be used.
        DatabaseUrlError: Its URL cannot be read.
        SchemaError: Its schema does not fit this release.
        OtherSecretError: Its keys are sealed under another secret.
    """
    url = settings.database_url.get_secret_value()
    async with Database(url, size=_CONNECTIONS, statement_seconds=statement_seconds) as database:
        async with database.connection() as connection:
            await check_schema(connection)
            await check_secret(connection, settings.secrets)
            account = await first_account(connection)
        scope = Scope(account, None, None, frozenset({Permission.ADMIN}))
        yield scope, make_service(settings, database)
