"""The role `api`: wires up what answers requests, and runs it until it is asked to stop."""

import asyncio
import dataclasses
import os
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import structlog

from campaigns.adapters.own.adapter import OWN
from campaigns.adapters.routes import Route
from campaigns.adapters.service import ApiService, EventsLostError
from campaigns.api.authentication import Authenticator
from campaigns.api.event_writer import EventWriter
from campaigns.api.gateway import Gateway
from campaigns.api.idempotency import Repeats
from campaigns.api.limits import SITE, Limiter
from campaigns.api.matching import Table
from campaigns.api.outside import read_user_agent, read_zones
from campaigns.api.routes import routes
from campaigns.api.server import ApiServer
from campaigns.api.stored_keys import transactions
from campaigns.config import CampaignSettings
from campaigns.metrics import Metrics
from campaigns.model.credential import Credential
from campaigns.operations.service import Service
from campaigns.process import DRAINING, Readiness, run_beside, watch_database
from campaigns.store.credentials import find_credential
from campaigns.store.database import Database, DatabaseAwayError
from worker.edges import clock
from worker.edges.process.listening import HostError, Make, PortError, listen
from worker.push.services import Endpoints
from worker.records.topics import EVENTS

log = structlog.get_logger(__name__)


class ListenError(RuntimeError):
    """The API's port cannot be listened on; the message names the settings."""


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
    more_routes: Sequence[Route] = (),
) -> None:
    """Answer requests until `stop` is set, then finish those under way.

    Args:
        settings: The settings.
        metrics: Count requests.
        readiness: Kept up to date.
        stop: Starts the drain.
        dev: Whether pages of http://localhost may subscribe to every site.
        more_routes: Of this process alone, besides those of the table.

    Raises:
        ListenError: The port is taken, or the host is not this machine's.
    """
    sockets = await asyncio.to_thread(listen_for, settings)
    async with AsyncExitStack() as stack:
        for each in sockets:
            stack.callback(each.close)
        database = await stack.enter_async_context(
            Database(settings.database_url.get_secret_value(), size=settings.database_pool)
        )
        events = await stack.enter_async_context(EventWriter(settings))
        gateway = _gateway(settings, database, events, more_routes, metrics, dev=dev)
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
        await run_beside(stop.wait(), watch_database(database, metrics, readiness))
        readiness.reason = DRAINING


def _gateway(
    settings: CampaignSettings,
    database: Database,
    events: EventWriter,
    more_routes: Sequence[Route],
    metrics: Metrics,
    *,
    dev: bool,
) -> Gateway:
    limiter = Limiter(settings.rate_limit_storage.get_secret_value())
    service = _service(settings, database, events, limiter, metrics, dev=dev)

    async def find(digest: bytes) -> Credential | None:
        async with database.connection() as connection:
            return await find_credential(connection, digest)

    return Gateway(
        Table((*routes(settings.public_url, settings.pushpilot_prefix), *more_routes), OWN),
        service=service,
        authenticator=Authenticator(find, limiter, clock.monotonic),
        limiter=limiter,
        repeats=Repeats(transactions(service), settings.retention.idempotency),
        away=(DatabaseAwayError, EventsLostError),
        now=now,
        count_ignored=metrics.count_ignored,
    )


def _service(
    settings: CampaignSettings,
    database: Database,
    events: EventWriter,
    limiter: Limiter,
    metrics: Metrics,
    *,
    dev: bool,
) -> ApiService:
    async def admit_subscriber(site: int) -> None:
        await limiter.take(SITE, site)

    plain = make_service(settings, database)
    fields = {each.name: getattr(plain, each.name) for each in dataclasses.fields(plain)}
    return ApiService(
        **fields,
        write_events=events.write,
        admit_subscriber=admit_subscriber,
        count_foreign=metrics.foreign.labels(EVENTS).inc,
        country_header=settings.country_header.lower(),
        dev=dev,
    )


def make_service(settings: CampaignSettings, database: Database) -> Service:
    """Return what operations need."""
    rules, any_host = settings.host_rules
    return Service(
        begin=database.transaction,
        secrets=settings.secrets,
        endpoints=Endpoints(rules, any_host=any_host),
        zones=read_zones(),
        public_url=settings.public_url,
        random=os.urandom,
        read_user_agent=read_user_agent,
    )


def refuse_taken(settings: CampaignSettings) -> None:
    """Look whether the API can be served where the settings say, before any process is started for it.

    Raises:
        ListenError: The port is taken, or the host is not this machine's.
    """
    for each in _listen_for(settings, socket.socket):  # not shared: another service may share that port
        each.close()


def listen_for(settings: CampaignSettings) -> list[socket.socket]:
    """Listen where the settings say.

    Raises:
        ListenError: The port is taken, or the host is not this machine's.
    """
    return _listen_for(settings, _shared if settings.processes > 1 else socket.socket)


def _listen_for(settings: CampaignSettings, make: Make) -> list[socket.socket]:
    host, port = settings.host, settings.port
    try:
        return listen(host, port, make=make)
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
