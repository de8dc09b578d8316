"""The role `api`: wires up what answers requests, and runs it until it is asked to stop."""

import asyncio
import os
import socket
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import structlog

from campaigns.adapters.own.adapter import OWN
from campaigns.adapters.service import ApiService, EventsLostError
from campaigns.api.authentication import Authenticator
from campaigns.api.event_writer import EventWriter
from campaigns.api.gateway import Gateway
from campaigns.api.idempotency import KEPT, Repeats
from campaigns.api.limits import SITE, Limiter
from campaigns.api.matching import Table
from campaigns.api.outside import read_user_agent, read_zones
from campaigns.api.routes import routes
from campaigns.api.server import ApiServer
from campaigns.api.stored_keys import transactions
from campaigns.config import CampaignSettings
from campaigns.metrics import Metrics
from campaigns.model.credential import Credential
from campaigns.store.credentials import find_credential
from campaigns.store.database import Database, DatabaseAwayError
from campaigns.store.idempotency import delete_answers
from campaigns.store.migrate import SchemaError, check_schema
from worker.edges import clock
from worker.edges.process.listening import HostError, PortError, listen
from worker.push.services import Endpoints

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
"""How often it is looked whether the database is there."""

SWEEP_SECONDS = 600.0
"""How often old idempotency keys are deleted."""

NOT_LOOKED = "the database has not been looked at yet"


class ListenError(RuntimeError):
    """The API's port cannot be listened on; the message names the settings."""


class Readiness:
    """Why a process is not ready, as its role last knew."""

    def __init__(self, reason: str | None = NOT_LOOKED) -> None:
        self.reason = reason


def now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


async def serve(
    settings: CampaignSettings,
    metrics: Metrics,
    readiness: Readiness,
    stop: asyncio.Event,
    *,
    dev: bool = False,
) -> None:
    """Answer requests until `stop` is set, then finish those under way.

    Args:
        settings: The settings.
        metrics: Count requests.
        readiness: Kept up to date.
        stop: Starts the drain.
        dev: Whether pages of http://localhost may subscribe to every site.

    Raises:
        ListenError: The port is taken, or the host is not this machine's.
    """
    sockets = await asyncio.to_thread(_listen, settings)
    async with AsyncExitStack() as stack:
        for each in sockets:
            stack.callback(each.close)
        database = await stack.enter_async_context(
            Database(settings.database_url.get_secret_value(), size=settings.database_pool)
        )
        events = await stack.enter_async_context(EventWriter(settings))
        gateway = _gateway(settings, database, events, dev=dev)
        server = await stack.enter_async_context(
            ApiServer(
                gateway,
                sockets,
                proxies=settings.proxy_networks,
                metrics=metrics,
                drain_seconds=settings.drain_timeout,
            )
        )
        log.info("answering requests", port=server.port)
        await _until(stop, _watch(database, metrics, readiness), _sweep(database))
        readiness.reason = "draining"


def _gateway(settings: CampaignSettings, database: Database, events: EventWriter, *, dev: bool) -> Gateway:
    limiter = Limiter(settings.rate_limit_storage.get_secret_value())
    service = _service(settings, database, events, limiter, dev=dev)

    async def find(digest: bytes) -> Credential | None:
        async with database.connection() as connection:
            return await find_credential(connection, digest)

    return Gateway(
        Table(routes(settings.public_url), OWN),
        service=service,
        authenticator=Authenticator(find, limiter, clock.monotonic),
        limiter=limiter,
        repeats=Repeats(transactions(service)),
        away=(DatabaseAwayError, EventsLostError),
        now=now,
    )


def _service(
    settings: CampaignSettings, database: Database, events: EventWriter, limiter: Limiter, *, dev: bool
) -> ApiService:
    rules, any_host = settings.host_rules

    async def admit_subscriber(site: int) -> None:
        await limiter.take(SITE, site)

    return ApiService(
        begin=database.transaction,
        secrets=settings.secrets,
        endpoints=Endpoints(rules, any_host=any_host),
        zones=read_zones(),
        public_url=settings.public_url,
        random=os.urandom,
        read_user_agent=read_user_agent,
        write_events=events.write,
        admit_subscriber=admit_subscriber,
        dev=dev,
    )


def _listen(settings: CampaignSettings) -> list[socket.socket]:
    host, port = settings.host, settings.port
    try:
        return listen(host, port, make=_shared if settings.processes > 1 else socket.socket)
    except HostError as error:
        raise ListenError(
            f"PUSHMILL_CAMPAIGNS_HOST is {host}: cannot listen there ({error}); use an address of this "
            "machine, or leave it unset for all of them"
        ) from None
    except PortError as error:
        raise ListenError(
            f"PUSHMILL_CAMPAIGNS_PORT is {port}: cannot listen there on {host or 'every address'} ({error}); "
            "choose a free port, or 0 for any"
        ) from None


def _shared(family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
    """Make a socket whose port several processes listen on; the kernel divides what comes in."""
    made = socket.socket(family, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return made


async def _watch(database: Database, metrics: Metrics, readiness: Readiness) -> None:
    while True:
        readiness.reason = await _problem(database)
        for state, number in database.connections.items():
            metrics.database_pool.labels(state).set(number)
        await asyncio.sleep(LOOK_SECONDS)


async def _problem(database: Database) -> str | None:
    try:
        async with database.connection() as connection:
            await check_schema(connection)
    except (DatabaseAwayError, SchemaError) as error:
        return str(error)
    return None


async def _sweep(database: Database) -> None:
    while True:
        try:
            async with database.connection() as connection:
                await delete_answers(connection, now() - KEPT)
        except DatabaseAwayError as error:
            log.warning("cannot delete old idempotency keys; trying again later", problem=str(error))
        await asyncio.sleep(SWEEP_SECONDS)


async def _until(stop: asyncio.Event, *loops: Coroutine[Any, Any, None]) -> None:
    """Run endless loops until `stop` is set; one that fails is a bug, and ends the process."""
    stopping = asyncio.create_task(stop.wait())
    tasks = [asyncio.create_task(each) for each in loops]
    try:
        done, _ = await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in (stopping, *tasks):
            each.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
