"""`pushmill try`: everything on this machine, and a page on which one's own browser gets a real notification.

    browser -> API (this process) -> Kafka -> worker -> the browser's push service -> browser

Database and keys stay in a folder. Kafka is a new one each time, so that what was on its way is unknown.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog
import uvloop
from msgspec import Struct
from prometheus_client import CollectorRegistry
from rich.console import Console

from campaigns.api.process import ListenError, refuse_taken, serve
from campaigns.config import CampaignSettings, load_campaign_settings
from campaigns.demo.surroundings import (
    READY_SECONDS,
    Administration,
    ServiceProcess,
    administration,
    make_secret,
    service_environment,
)
from campaigns.demo.trial_routes import Configuration, trial_routes
from campaigns.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from campaigns.metrics import Metrics
from campaigns.model.ids import Kind, read, spell
from campaigns.model.problems import NotFoundError, ProblemError
from campaigns.model.scope import Permission
from campaigns.operations.secret_check import OtherSecretError
from campaigns.operations.sites import KeyedSite, SiteDraft, create_site, get_site
from campaigns.process import Readiness, run_beside
from campaigns.store.database import Database, DatabaseAwayError
from campaigns.store.lost_kafka import begin_on_new_kafka
from campaigns.store.migrate import SchemaError
from crypto.vapid import generate_vapid_key
from worker.demo.broker import EmbeddedBroker
from worker.demo.demo import until_interrupted
from worker.demo.kafka import BROKERS, Kafka, group_is_whole
from worker.demo.processes import DemoProcess, while_alive
from worker.demo.stage import STOP_SECONDS
from worker.edges.kafka.topics import create_topics
from worker.logs import configure

OPENS = "https://example.com/"
PARTITIONS = 3
POLL_SECONDS = 0.1
LOOK_SECONDS = 5.0
PUSH_SERVICES = ("fcm.googleapis.com:443", "updates.push.services.mozilla.com:443", "web.push.apple.com:443")
"""Those of nearly every browser."""

OTHER_ROLES = "launcher,scheduler,collector"
PASSED_ON = {
    *("PUSHMILL_ENDPOINT_HOSTS", "PUSHMILL_ALLOW_PRIVATE_ENDPOINTS", "PUSHMILL_CA_FILE"),
    "PUSHMILL_VAPID_SUBJECT",
}
"""Settings of the user's that count here, too."""


class TrialError(RuntimeError):
    """It cannot begin; the message says why and what to do."""


class Kept(Struct, frozen=True, kw_only=True):
    """What is kept in the folder from one time to the next, besides database and keys.

    Attributes:
        secret: The service's.
        site: The site's id, once there is one.
    """

    secret: str
    site: str | None = None

    def __repr__(self) -> str:
        return f"Kept(site={self.site!r})"


def run(folder: Path, port: int) -> int:
    """Run everything until Ctrl-C, and return the exit status."""
    more = (EmbeddedPostgresError, DatabaseAwayError, SchemaError, ProblemError, TrialError)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        work = until_interrupted(_try(folder, port, Console()), *more, command="try", interrupted=0)
        return runner.run(work)


async def _try(folder: Path, port: int, console: Console) -> bool:
    """Start everything, tell the URL, and stop everything in order when cancelled.

    Raises:
        TrialError: The port is taken, or the folder cannot be used.
        EmbeddedPostgresError: PostgreSQL is not installed, or does not start.
        BrokerError: The embedded broker cannot be used.
        ProcessDiedError: A process exited unexpectedly.
    """
    _refuse_taken(port)
    _make(folder)
    kept = _read_kept(folder)
    with (folder / "api.log").open("w", encoding="utf-8") as log:
        configure("json", "info", log)
        async with _started(folder, port, kept, console) as started:
            with suppress(asyncio.CancelledError):
                await while_alive(started.processes, _serve(started, console))
            console.print("\nstopping …", highlight=False)
            await _stop(started)
    console.print(f"stopped; subscribers and keys are kept in {folder}", highlight=False, soft_wrap=True)
    return True


def _refuse_taken(port: int) -> None:
    environment = service_environment("postgresql://nobody@localhost/none", "0" * 32, **_where(port))
    try:
        refuse_taken(load_campaign_settings({**environment, BROKERS: "localhost:9092"}))
    except ListenError:
        raise TrialError(
            f"port {port} is taken: stop what listens there (another `pushmill try`?), or choose another one "
            "with --port"
        ) from None


def _where(port: int) -> dict[str, str]:
    return {"HOST": "localhost", "PORT": str(port), "PUBLIC_URL": f"http://localhost:{port}"}


# ── the folder ──────────────────────────────────────────────────────────────────────────────────────────────


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # For root, another user runs PostgreSQL, and has to pass.
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        (folder / "keys").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise TrialError(f"{folder} cannot be used: {error.strerror}; choose another with --folder") from None


def _read_kept(folder: Path) -> Kept:
    try:
        return msgspec.json.decode((folder / "kept.json").read_bytes(), type=Kept)
    except FileNotFoundError:
        return _keep(folder, Kept(secret=make_secret()))
    except (OSError, msgspec.DecodeError):
        raise TrialError(f"{folder / 'kept.json'} cannot be read: remove {folder} to begin anew") from None


def _keep(folder: Path, kept: Kept) -> Kept:
    new = folder / "kept.json.new"
    _write_private(new, msgspec.json.encode(kept))
    new.replace(folder / "kept.json")
    return kept


def _write_private(file: Path, secret: bytes) -> None:
    with open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
        opened.write(secret)


# ── what runs ───────────────────────────────────────────────────────────────────────────────────────────────


class Started(NamedTuple):
    """What runs until Ctrl-C, besides the API.

    Attributes:
        settings: Of the API.
        configuration: What the page is told.
        kafka: The broker, with all topics.
        service: The other roles.
        worker: The worker.
    """

    settings: CampaignSettings
    configuration: Configuration
    kafka: Kafka
    service: ServiceProcess
    worker: DemoProcess

    @property
    def processes(self) -> tuple[DemoProcess, ...]:
        """All processes that must not exit by themselves."""
        return (self.service, self.worker)


@asynccontextmanager
async def _started(folder: Path, port: int, kept: Kept, console: Console) -> AsyncIterator[Started]:
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(EmbeddedPostgres(folder / "postgresql"))
        broker = await stack.enter_async_context(EmbeddedBroker())
        kafka = Kafka("embedded broker", {BROKERS: broker.address}, f"pushmill-try-{secrets.token_hex(4)}")
        await create_topics(kafka.settings, partitions=PARTITIONS)
        passed_on = {name: text for name, text in os.environ.items() if name in PASSED_ON}
        own = service_environment(postgres.url, kept.secret, **_where(port), ROLES=OTHER_ROLES)
        environment = {**passed_on, **kafka.environment, **own}
        try:
            async with administration(environment) as acting:
                configuration = await prepare(folder, kept, acting)
        except OtherSecretError:
            raise TrialError(
                f"{folder} lacks the kept.json of its database: remove it to begin anew"
            ) from None
        await _forget(postgres.url, console)
        service = ServiceProcess(environment, folder / "campaign-service.log")
        worker = _worker(folder, kafka, passed_on)
        for each in (service, worker):
            await stack.enter_async_context(each)
        yield Started(load_campaign_settings(environment), configuration, kafka, service, worker)


async def prepare(folder: Path, kept: Kept, acting: Administration) -> Configuration:
    """Find the site of the last time, or make one, and make a credential for the page.

    Args:
        folder: Where keys and what else is kept lie; gets both of a site that is made.
        kept: What is kept.
        acting: The database's account.
    """
    keyed = await _kept_site(folder, kept, acting) or await _new_site(folder, kept, acting)
    token = await acting.issue_key("the page /try", Permission.READ, Permission.SEND)
    site = spell(Kind.SITE, keyed.site.id)
    return Configuration(site=site, vapid_public_key=keyed.public_key, key=token, url=OPENS)


async def _kept_site(folder: Path, kept: Kept, acting: Administration) -> KeyedSite | None:
    """Return the site of the last time, if it is still there, and its key, too."""
    number = None if kept.site is None else read(Kind.SITE, kept.site)
    if number is None:
        return None
    try:
        keyed = await get_site(acting.scope, acting.service, number)
    except NotFoundError:
        return None
    pem = _pem(folder, keyed)
    if not pem.exists():
        return None
    pem.chmod(0o600)
    return keyed


async def _new_site(folder: Path, kept: Kept, acting: Administration) -> KeyedSite:
    pem = generate_vapid_key().to_pem()
    draft = SiteDraft(url=acting.service.public_url, name="Try", private_key=pem, open_identity=True)
    keyed = await create_site(acting.scope, acting.service, draft)
    _write_private(_pem(folder, keyed), pem)
    _keep(folder, Kept(secret=kept.secret, site=spell(Kind.SITE, keyed.site.id)))
    return keyed


def _pem(folder: Path, keyed: KeyedSite) -> Path:
    return folder / "keys" / f"{keyed.site.vapid_key}.pem"


async def _forget(database_url: str, console: Console) -> None:
    async with Database(database_url, size=1) as database, database.transaction() as connection:
        ended = await begin_on_new_kafka(connection, datetime.now(UTC))
    if ended:
        launches = "a launch was" if ended == 1 else f"{ended:,} launches were"
        console.print(f"{launches} still open: what had not come back is counted as unknown", highlight=False)


def _worker(folder: Path, kafka: Kafka, passed_on: Mapping[str, str]) -> DemoProcess:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PUSHMILL_")}
    environment = {
        **inherited,
        "PUSHMILL_VAPID_SUBJECT": "mailto:try@pushmill.example",
        **passed_on,
        **kafka.environment,
        "PUSHMILL_GROUP_ID": kafka.group,
        "PUSHMILL_INSTANCE_ID": "try",
        "PUSHMILL_VAPID_DIR": str(folder / "keys"),
        "PUSHMILL_STATUS_HOST": "127.0.0.1",
        "PUSHMILL_STATUS_PORT": "0",
        "PUSHMILL_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "worker.cli", "run"]
    return DemoProcess("the worker", command, environment, folder / "worker.log")


# ── until Ctrl-C ────────────────────────────────────────────────────────────────────────────────────────────


async def _serve(started: Started, console: Console) -> None:
    readiness = Readiness()
    routes = trial_routes(started.configuration, started.settings.public_url)
    metrics = Metrics(CollectorRegistry())
    never = asyncio.Event()
    await run_beside(
        serve(started.settings, metrics, readiness, never, dev=True, more_routes=routes),
        _announce(started, readiness, console, never),
    )


async def _announce(started: Started, readiness: Readiness, console: Console, never: asyncio.Event) -> None:
    async with asyncio.timeout(READY_SECONDS):
        await asyncio.gather(started.service.until_ready(), group_is_whole(started.kafka, 1))
        while readiness.reason is not None:  # noqa: ASYNC110 - it changes without telling anybody
            await asyncio.sleep(POLL_SECONDS)
    console.print(f"Ready: {started.settings.public_url}/try", highlight=False, soft_wrap=True)
    console.print("Ctrl-C stops everything.", highlight=False)
    await _tell_whether_reachable(console)
    await never.wait()


async def _tell_whether_reachable(console: Console) -> None:
    """Say so if no push service can be reached from this machine."""
    own = os.environ.get("PUSHMILL_ENDPOINT_HOSTS", "")
    hosts = [host.strip() for host in own.split(",") if host.strip()] or PUSH_SERVICES
    if not any(await asyncio.gather(*(_reaches(host) for host in hosts))):
        console.print(
            f"No push service can be reached from here ({', '.join(hosts)}): what you send will wait. "
            "Is this machine offline, or a firewall in the way?",
            highlight=False,
            soft_wrap=True,
        )


async def _reaches(host: str) -> bool:
    name, _, port = host.partition(":")
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            _, writer = await asyncio.open_connection(name.removeprefix("."), int(port or 443))
    except (OSError, TimeoutError, ValueError):
        return False
    writer.close()
    return True


async def _stop(started: Started) -> None:
    """Stop what sends, then what pushes; broker and database end with their blocks."""
    structlog.get_logger(__name__).info("stopping")
    for process in (started.service, started.worker):
        await process.stop(STOP_SECONDS)
