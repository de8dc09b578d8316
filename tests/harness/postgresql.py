"""PostgreSQL for tests: one server for each version that a process needs, and a new database for each test.

Databases are copies of one that was migrated once. The newest version comes with the extra `demo`; the oldest
one is Debian's. Tests take the newest, unless `PUSHMILL_TEST_POSTGRESQL` names the other.
`PUSHMILL_TEST_DATABASE_URL` names a server of yours instead; its user must be allowed to create databases.
"""

import asyncio
import os
import shutil
import tempfile
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit, urlunsplit

from campaigns.embedded_postgres import EmbeddedPostgres
from campaigns.store.database import connect
from campaigns.store.migrate import migrate
from tests.harness import requirements

VARIABLE = "PUSHMILL_TEST_DATABASE_URL"
CHOICE = "PUSHMILL_TEST_POSTGRESQL"
NEWEST, OLDEST = "18", "15"


def chosen() -> str:
    """The version of tests for which the version does not matter."""
    version = os.environ.get(CHOICE) or NEWEST
    if version not in {NEWEST, OLDEST}:
        raise ValueError(f"{CHOICE} is {version}; it should be {OLDEST} or {NEWEST}")
    return version


class TestDatabases:
    """Makes databases on one server, and drops them all at the end.

    Args:
        url: A database of the server, from which others are made.
    """

    __test__ = False

    def __init__(self, url: str) -> None:
        self._url = url
        self._prefix = f"pushmill_test_{os.getpid()}"
        self._numbers = count(1)
        self._migrated = ""

    def url_of(self, database: str) -> str:
        """The URL of another database of the same server."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{quote(database)}"))

    async def create(self, *, migrated: bool = True) -> str:
        """Make a database, and return its name."""
        template = await self._template() if migrated else "template1"
        name = f"{self._prefix}_{next(self._numbers)}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    async def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def close(self) -> None:
        """Drop what the others were copied from."""
        if self._migrated:
            await self.drop(self._migrated)

    async def _template(self) -> str:
        if not self._migrated:
            name = await self.create(migrated=False)
            await migrate(self.url_of(name))
            self._migrated = name
        return self._migrated

    async def _execute(self, statement: str) -> None:
        connection = await connect(self._url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class Servers:
    """The servers of this process, each started when the first test needs it."""

    def __init__(self) -> None:
        self._running: dict[str, TestDatabases] = {}
        self._embedded: list[EmbeddedPostgres] = []
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        # Not one of pytest's: for root, another user runs the server, and may not enter those.
        self._folder = Path(tempfile.mkdtemp(prefix="pushmill-postgresql-", dir="/tmp"))
        self._folder.chmod(0o755)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for databases in self._running.values():
            asyncio.run(databases.close())
        for server in self._embedded:
            server.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def databases(self, version: str = "") -> TestDatabases:
        """Return those of a version, by default of the chosen one; skips the test if it is not installed."""
        version = version or chosen()
        if version not in self._running:
            given = os.environ.get(VARIABLE) if version == chosen() else None
            self._running[version] = TestDatabases(given or self._start(version))
        return self._running[version]

    @property
    def folder(self) -> Path:
        """A folder for servers, which the user who runs them for root may enter."""
        if self._folder is None:
            raise AssertionError("must be used inside `with`")
        return self._folder

    def _start(self, version: str) -> str:
        if version == OLDEST:
            requirements.require("postgresql")
        server = EmbeddedPostgres(
            self.folder / version,
            binaries=Path(requirements.NOT_ON_PATH[0]) if version == OLDEST else None,
            durable=False,
            settings={"max_connections": "200", "shared_buffers": "32MB", "autovacuum_naptime": "5min"},
        )
        server.start()
        self._embedded.append(server)
        return server.url
