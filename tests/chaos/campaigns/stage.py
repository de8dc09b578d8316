"""Everything that a whole run needs: Kafka, PostgreSQL, push service, worker, and the service's own roles."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from campaigns.demo.surroundings import administration
from campaigns.model.ids import Kind, read
from campaigns.model.scope import Permission
from campaigns.store.database import Database, DatabaseAwayError
from crypto.vapid import VapidKey, generate_vapid_key
from tests.chaos.campaigns.client import PatientClient
from tests.harness.campaigns_process import CampaignsProcess, campaigns_environment
from tests.harness.command import start_pushmill
from tests.harness.json_process import JsonProcess, json_process
from tests.harness.kafka.apache import ApacheKafka
from tests.harness.mortal_postgres import MortalPostgres
from tests.harness.waiting import until, until_told
from tests.harness.world import World
from worker.config import KafkaSettings

PARTITIONS = 12
SHOP = "https://shop.example"
IMPORTED = "SELECT coalesce(sum(count), 0)::bigint FROM subscriber_count"
AWAY_SECONDS = 120.0
"""How long the database may be away while the run looks into it."""

TELL_SECONDS = 10.0
POSTGRES = {"max_connections": "200", "shared_buffers": "256MB", "max_wal_size": "2GB"}


@dataclass(frozen=True)
class Stage:
    """What runs, and the site whose subscribers are imported.

    Attributes:
        environment: Of the campaign service's roles.
        push_service: Answers `counts` and `totals`.
        site: The site's id.
    """

    kafka: ApacheKafka
    postgres: MortalPostgres
    world: World
    database: Database
    environment: Mapping[str, str]
    push_service: JsonProcess
    port: int
    api: PatientClient
    site: str
    keys: int

    @property
    def settings(self) -> KafkaSettings:
        return KafkaSettings(kafka_bootstrap_servers=self.kafka.address, topic_prefix=self.world.prefix)

    async def ask(self, statement: str, *given: Any) -> Any:
        """Return the rows of a statement, once the database is there."""
        rows: list[Any] = []

        async def asked() -> bool:
            with suppress(DatabaseAwayError):
                async with self.database.connection() as connection:
                    rows[:] = await connection.fetch(statement, *given)
                return True
            return False

        await until_told(asked, "the database answers", AWAY_SECONDS)
        return rows

    async def value(self, statement: str, *given: Any) -> Any:
        """Return the first column of the first row."""
        return (await self.ask(statement, *given))[0][0]

    async def subscribers(self, condition: str) -> list[int]:
        """Return numbers of the site's subscribers; a condition is trusted."""
        number = read(Kind.SITE, self.site)
        rows = await self.ask(
            f"SELECT id FROM subscriber WHERE site = $1 AND {condition} ORDER BY id", number
        )
        return [row["id"] for row in rows]

    async def kill_kafka(self) -> None:
        await self.kafka.brokers[0].restart(kill=True)

    async def kill_postgres(self) -> None:
        await asyncio.to_thread(self.postgres.kill)
        await asyncio.to_thread(self.postgres.start_again)

    async def start_worker(self) -> None:
        """Start the worker, once it has the keys of all sites."""
        folder = self.world.folder / "vapid"
        files = [folder / f"{_key(number)}.pem" for number in range(self.keys)]
        await until(lambda: all(file.exists() for file in files), "the worker has all keys")
        await self.world.start_worker(SimpleNamespace(port=self.port))

    async def watch_worker(self, note: Callable[[int], object]) -> None:
        """Start the worker again if it ends, and note its exit status, until cancelled."""
        [worker] = self.world.workers
        while True:
            if worker.ended:
                note(await worker.wait())
                await worker.start()
            await asyncio.sleep(0.2)


@asynccontextmanager
async def staged(kafka: ApacheKafka, folder: Path, count: int, keys: int) -> AsyncIterator[Stage]:
    """Start everything but the worker and the roles that are to die; nobody is imported yet.

    Args:
        kafka: Runs, and may be broken.
        folder: For logs, keys and subscribers.
        count: Subscriptions at the push service.
        keys: VAPID keys, each of a site of its own, that they are made with in turn.
    """
    pairs = [generate_vapid_key() for _ in range(keys)]
    public = [pair.public_text for pair in pairs]
    world = World(kafka.address, folder, "chaos", partitions=PARTITIONS)
    with _postgres() as postgres:
        async with (
            world,
            json_process("tests.chaos.campaigns.push_service", folder, count, *public) as push_service,
            Database(postgres.url, size=2) as database,
        ):
            port = (await push_service.hear())["port"]
            environment = _environment(world, port, postgres.url)
            async with administration(environment) as acting:
                key = await acting.issue_key("chaos", Permission.ADMIN)
            service = CampaignsProcess(
                {**environment, "PUSHMILL_CAMPAIGNS_ROLES": "api,scheduler,keys"}, folder / "service.log"
            )
            try:
                await service.start()
                async with PatientClient(service.api, key) as api:
                    site = await _add_sites(api, pairs)
                    yield Stage(
                        kafka, postgres, world, database, environment, push_service, port, api, site, keys
                    )
            finally:
                await service.kill()


@contextmanager
def _postgres() -> Iterator[MortalPostgres]:
    """Run a durable server in a folder that the user who runs it for root may enter."""
    folder = Path(tempfile.mkdtemp(prefix="pushmill-postgresql-", dir="/tmp"))
    folder.chmod(0o755)
    server = MortalPostgres(folder / "server", settings=POSTGRES)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _environment(world: World, port: int, database_url: str) -> dict[str, str]:
    shared = world.environment([SimpleNamespace(port=port)], 0)
    names = ("KAFKA_BOOTSTRAP_SERVERS", "TOPIC_PREFIX", "ENDPOINT_HOSTS", "ALLOW_PRIVATE_ENDPOINTS")
    variables = [f"PUSHMILL_{name}" for name in (*names, "VAPID_DIR")]
    return campaigns_environment(database_url) | {name: shared[name] for name in variables}


def _key(number: int) -> str:
    return f"chaos-{number}"


async def _add_sites(api: PatientClient, pairs: list[VapidKey]) -> str:
    """Add a site for each key, and return the first."""
    made = [
        await api.post(
            "/v1/sites",
            {
                "url": f"https://shop-{number}.example",
                "vapid_key": _key(number),
                "private_key": pair.to_pem().decode(),
            },
        )
        for number, pair in enumerate(pairs)
    ]
    site: str = made[0]["id"]
    return site


async def import_all(stage: Stage, say: Callable[[str], object]) -> int:
    """Import everybody with `pushmill campaigns subscribers import`; return how many were added."""
    telling = asyncio.create_task(_tell_progress(stage, say))
    added = 0
    try:
        for number in range(stage.keys):
            done = await _import(stage, stage.world.folder / f"subscribers-{number}.jsonl", _key(number))
            assert not done["rejected"], done
            added += done["added"]
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    return added


async def _import(stage: Stage, file: Path, key: str) -> dict[str, int]:
    settings = {
        name.removeprefix("PUSHMILL_"): text
        for name, text in stage.environment.items()
        if name.startswith("PUSHMILL_") and not name.endswith("_PORT")
    }
    given = (str(file), "--site", stage.site, "--vapid-key", key, "--json")
    process = await start_pushmill("campaigns", "subscribers", "import", *given, **settings)
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    result: dict[str, int] = msgspec.json.decode(out)
    return result


async def _tell_progress(stage: Stage, say: Callable[[str], object]) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        say(f"  {await stage.value(IMPORTED):,} imported")
