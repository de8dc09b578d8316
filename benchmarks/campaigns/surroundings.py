"""What the rows share: PostgreSQL, an Apache Kafka, audiences, and roles of the service as real processes.

Decides what is started, and when: each part with the first row that needs it. Knows nothing of what is
measured.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import aiohttp

from benchmarks.campaigns.audiences import add_random_audience
from campaigns.embedded_postgres import EmbeddedPostgres
from campaigns.model.credential import ONE_SITE, TOKEN_RANDOM_BYTES, CredentialKind, digest_of, new_token
from campaigns.model.scope import Permission
from campaigns.store.credentials import add_credential
from campaigns.store.database import Database
from campaigns.store.migrate import migrate
from tests.harness.audiences import add_launch, add_site
from tests.harness.campaigns_process import CampaignsProcess, campaigns_environment
from tests.harness.kafka.apache import ApacheKafka
from tests.harness.waiting import until_seen
from tests.harness.world import World

GIVEN_BROKER = "PUSHMILL_TEST_BROKER"
PARTITIONS = 12
FEW = 1_000
"""Subscribers of a small site."""

PATIENCE = 600.0
"""Seconds that anything may take."""

SERVER = {"max_connections": "200", "shared_buffers": "256MB", "max_wal_size": "4GB"}
EVENTS_CONNECTED = "events can be taken"
STRETCH_SECONDS = 300.0
"""All of it is due within the time by which a launcher is ahead: so it writes as fast as it can."""

CONTENT = {"title": "Hello {{name|you}}", "url": "https://shop.example/"}
NUMBER = "SELECT nextval(pg_get_serial_sequence('launch', 'id'))"
ACCOUNT = "SELECT account FROM site WHERE id = $1"
CANCEL = """
UPDATE launch SET wanted = 'cancelled', wanted_at = now(), control_due = true WHERE state = 'writing'
"""
NONE_IS_WRITTEN = "SELECT NOT EXISTS (SELECT FROM launch WHERE state = 'writing')"
WRITTEN = "SELECT state <> 'writing' FROM launch WHERE id = $1"


@dataclass(frozen=True)
class Options:
    """How much is measured.

    Attributes:
        turns: Of each row; short ones take more.
        recipients: Of a big launch.
        seconds: How long each load lasts.
    """

    turns: int = 3
    recipients: int = 1_000_000
    seconds: float = 10.0


@dataclass
class Surroundings:
    """A PostgreSQL of one's own, and what is started when it is first asked for.

    Attributes:
        options: How much is measured.
        folder: For logs and keys.
        server: PostgreSQL, migrated.
        database: Connections of this process.
        skipped: Why a part of a row was left out, by its name.
    """

    options: Options
    folder: Path
    server: EmbeddedPostgres
    database: Database
    skipped: dict[str, str] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _world: World | None = None
    _sites: dict[int, int] = field(default_factory=dict)
    _started: int = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def world(self) -> World:
        """Return topics on a Kafka, which is started at the first call."""
        if self._world is None:
            address = os.environ.get(GIVEN_BROKER)
            if not address:
                kafka = await self._stack.enter_async_context(ApacheKafka(self.folder / "kafka"))
                address = kafka.address
            made = World(address, self.folder, "bench", partitions=PARTITIONS)
            self._world = await self._stack.enter_async_context(made)
        return self._world

    async def site(self, size: int) -> int:
        """Return a site with so many subscribers, who are made at the first call."""
        if size not in self._sites:
            async with self.database.transaction() as connection:
                number = await add_site(connection, key=f"bench-{size}")
            await add_random_audience(self.database, number, size, key=f"bench-{size}")
            self._sites[size] = number
        return self._sites[size]

    async def launch(self, site: int, **columns: Any) -> int:
        """Add a launch to everyone, written as fast as possible unless columns say otherwise."""
        usual = {"start_at": datetime.now(UTC), "stretch_time": STRETCH_SECONDS, "content": CONTENT}
        async with self.database.transaction() as connection:
            number: int = await connection.fetchval(NUMBER)
            return await add_launch(connection, site, number=number, **(usual | columns))

    async def until_written(self, launch: int) -> None:
        """Wait until a launch is written to its end."""
        await self.until(WRITTEN, launch)

    async def cancel_launches(self) -> None:
        """Cancel whatever is being written, and wait until it has ended."""
        await self.ask(CANCEL)
        await self.until(NONE_IS_WRITTEN)

    async def until(self, statement: str, *values: object, pause: float = 0.02) -> None:
        """Wait until a statement says true.

        Raises:
            TimeoutError: It has not done so in time.
        """
        async with asyncio.timeout(PATIENCE), self.database.connection() as connection:
            while not await connection.fetchval(statement, *values):  # noqa: ASYNC110 - other processes change it
                await asyncio.sleep(pause)

    async def ask(self, statement: str, *values: object) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(statement, *values)

    @asynccontextmanager
    async def service(self, *roles: str, **settings: str) -> AsyncIterator[CampaignsProcess]:
        """Run roles of the service in a process, or under its supervisor, until the block ends."""
        world = await self.world()
        environment = campaigns_environment(self.server.url, ROLES=",".join(roles), **settings) | {
            "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": world.broker,
            "PUSHMILL_TOPIC_PREFIX": world.prefix,
            "PUSHMILL_LOG_LEVEL": "info" if "api" in roles else "warning",
        }
        self._started += 1
        process = CampaignsProcess(environment, self.folder / f"service-{self._started}.log")
        try:
            await process.start()
            if "api" in roles:
                await until_seen(lambda: EVENTS_CONNECTED in process.log.read_text(), "Kafka is reached")
            yield process
            if not process.ended:
                await process.terminate()
        finally:
            await process.kill()

    async def key(self, site: int, kind: CredentialKind = CredentialKind.OWN) -> str:
        """Make a credential for a site's account, which may do everything as often as it likes."""
        token = new_token(kind, os.urandom(TOKEN_RANDOM_BYTES))
        async with self.database.transaction() as connection:
            account = await connection.fetchval(ACCOUNT, site)
            await add_credential(
                connection,
                account,
                site=site if kind in ONE_SITE else None,
                kind=kind,
                name="",
                scopes=(Permission.ADMIN,),
                digest=digest_of(token),
                rate=100_000_000,
            )
        return token

    @asynccontextmanager
    async def customer(self, service: CampaignsProcess, site: int) -> AsyncIterator["Customer"]:
        """Ask a running service with a key of a site's account."""
        headers = {"Authorization": f"Bearer {await self.key(site)}"}
        async with aiohttp.ClientSession(
            service.api, headers=headers, connector=aiohttp.TCPConnector(limit=0)
        ) as session:
            yield Customer(session)


@dataclass(frozen=True)
class Customer:
    """Asks the own API, and platforms' with a header Authorization of theirs."""

    session: aiohttp.ClientSession

    async def post(self, path: str, body: object = None, authorization: str = "") -> Any:
        return await self._answer("POST", path, body, authorization)

    async def patch(self, path: str, body: object) -> Any:
        return await self._answer("PATCH", path, body)

    async def get(self, path: str) -> Any:
        return await self._answer("GET", path, None)

    async def _answer(self, method: str, path: str, body: object, authorization: str = "") -> Any:
        headers = {"Authorization": authorization} if authorization else None
        async with self.session.request(method, path, json=body, headers=headers) as answer:
            if not answer.ok:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json() if answer.status != 204 else None


@asynccontextmanager
async def surroundings(options: Options, folder: Path) -> AsyncIterator[Surroundings]:
    """Run a PostgreSQL in a folder that its user may enter, and all that is started later, for a block."""
    async with EmbeddedPostgres(folder / "postgresql", settings=SERVER) as server:
        await migrate(server.url)
        async with (
            Database(server.url, size=4, statement_seconds=PATIENCE) as database,
            Surroundings(options, folder, server, database) as made,
        ):
            yield made
