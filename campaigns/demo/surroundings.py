"""What `demo` and `try` start for the campaign service: its database, its process, its first credential.

Decides settings and order; knows nothing of what is then sent.
"""

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from campaigns.account import oldest_account
from campaigns.config import load_campaign_settings
from campaigns.embedded_postgres import EmbeddedPostgres
from campaigns.model.credential import CredentialKind
from campaigns.model.scope import Permission, Scope
from campaigns.operations.credentials import CredentialDraft, create_credential
from campaigns.operations.service import Service
from campaigns.store.migrate import migrate
from worker.demo.broker import free_port
from worker.demo.processes import DemoProcess, ProcessDiedError
from worker.demo.stage import StuckError

LOOPBACK = "127.0.0.1"
READY_SECONDS = 60.0
OFTEN = 600_000
"""Requests a minute that the credential may make."""

_POLL_SECONDS = 0.1


def service_environment(database_url: str, secret: str, **settings: str) -> dict[str, str]:
    """Return the settings of a campaign service on loopback; more of them without their prefix."""
    own = {
        "DATABASE_URL": database_url,
        "SECRET": secret,
        "HOST": LOOPBACK,
        "STATUS_HOST": LOOPBACK,
        "STATUS_PORT": str(free_port()),
        **settings,
    }
    return {f"PUSHMILL_CAMPAIGNS_{name}": text for name, text in own.items()}


def make_secret() -> str:
    """Make a secret for a service."""
    return secrets.token_urlsafe(48)


@asynccontextmanager
async def scratch_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """Run a PostgreSQL whose data goes away with it.

    Raises:
        EmbeddedPostgresError: It is not installed, or does not start.
    """
    with tempfile.TemporaryDirectory(prefix="pushmill-postgresql-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - another user runs it for root; its data stays closed
        server = EmbeddedPostgres(Path(folder) / "server", durable=False)
        async with server:
            yield server


class ServiceProcess(DemoProcess):
    """`pushmill campaigns run` in a process of its own.

    Args:
        environment: Its settings of the campaign service, of Kafka and of endpoints.
        log: File for its log.
    """

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PUSHMILL_")}
        self._status_port = environment["PUSHMILL_CAMPAIGNS_STATUS_PORT"]
        command = [sys.executable, "-m", "worker.cli", "campaigns", "run"]
        super().__init__("the campaign service", command, inherited | dict(environment), log)

    async def until_ready(self) -> None:
        """Wait until all its roles are ready.

        Raises:
            ProcessDiedError: It has exited.
            StuckError: It is not ready in time.
        """
        url = f"http://{LOOPBACK}:{self._status_port}/readyz"
        ended = asyncio.create_task(self.ended())
        try:
            async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as session:
                while not await _is_ready(session, url):
                    if ended.done():
                        raise ProcessDiedError(self.exit_message())
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            problem = f"the campaign service was not ready within {READY_SECONDS:g} s; its log ends with:"
            raise StuckError(f"{problem}\n{self.tail()}") from None
        finally:
            ended.cancel()


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False


class Administration(NamedTuple):
    """Operations without HTTP, for the account of this machine.

    Attributes:
        service: What operations need.
        scope: May do everything.
    """

    service: Service
    scope: Scope

    async def issue_key(
        self, name: str, *permissions: Permission, kind: CredentialKind = CredentialKind.OWN
    ) -> str:
        """Make a credential, of the own API or of a platform's, and return its token."""
        draft = CredentialDraft(kind=kind, scopes=tuple(map(str, permissions)), name=name, rate=OFTEN)
        return (await create_credential(self.scope, self.service, draft)).token


@asynccontextmanager
async def administration(environment: Mapping[str, str]) -> AsyncIterator[Administration]:
    """Bring the database's schema up to date, and act for its first account.

    Raises:
        DatabaseAwayError: The database cannot be used.
        SchemaError: Its schema is of a later release.
    """
    settings = load_campaign_settings(environment)
    await migrate(settings.database_url.get_secret_value())
    async with oldest_account(settings) as (scope, service):
        yield Administration(service, scope)
