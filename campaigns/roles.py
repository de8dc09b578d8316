"""Which process does what: one for each role, each under the supervisor or by itself."""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Protocol

import structlog
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from campaigns.api.process import make_service, now, serve
from campaigns.collect.collector import Collector
from campaigns.config import CampaignSettings
from campaigns.keys.folder import KeyFolder
from campaigns.keys.mirror import Mirror
from campaigns.launch.launcher import Launcher
from campaigns.launch.service import Service as LaunchService
from campaigns.launch.watch import watch_launches
from campaigns.metrics import Metrics
from campaigns.model.secrets import Purpose
from campaigns.operations.service import Service
from campaigns.process import Readiness, run_beside, watch_database
from campaigns.recovery.guard import Guard
from campaigns.schedule.discarded import remove_what_is_discarded
from campaigns.schedule.due import launch_what_is_due
from campaigns.schedule.sweep import sweep
from campaigns.store.database import Database
from worker.config import CAMPAIGNS_PREFIX
from worker.edges.process.channel import ProcessEnd
from worker.edges.process.garbage import collect_rarely
from worker.edges.process.status import StatusServer
from worker.edges.process.supervisor import STOP_MARGIN, Supervisor

log = structlog.get_logger(__name__)


class Run(Protocol):
    """Runs a role until `stop` is set, keeping its readiness up to date."""

    def __call__(
        self,
        settings: CampaignSettings,
        metrics: Metrics,
        readiness: Readiness,
        stop: asyncio.Event,
        *,
        dev: bool,
    ) -> Awaitable[None]:
        """Run it; `dev` is the option of that name."""


async def launch(
    settings: CampaignSettings, metrics: Metrics, readiness: Readiness, stop: asyncio.Event, *, dev: bool
) -> None:
    """Write launches and small sends until `stop` is set.

    Raises:
        KafkaUnreachableError: No broker answers at the start.
    """
    del dev
    url = settings.database_url.get_secret_value()
    async with Database(
        url, size=settings.database_pool, statement_seconds=LAUNCH_STATEMENT_SECONDS
    ) as database:
        key = settings.secrets.keys(Purpose.RECIPIENT_TOKEN).signing
        written = metrics.launched_recipients.inc
        service = LaunchService(database, settings, settings.public_url, key, written)
        launcher = Launcher(service, f"{socket.gethostname()}-{os.getpid()}")
        loops = (watch_database(database, metrics, readiness), watch_launches(database, metrics))
        guard = Guard(settings, database, readiness, stop)
        await run_beside(guard.then(partial(launcher.run, stop)), *loops)


async def schedule(
    settings: CampaignSettings, metrics: Metrics, readiness: Readiness, stop: asyncio.Event, *, dev: bool
) -> None:
    """Launch campaigns as their time comes, and delete what is discarded or too old, until `stop` is set."""
    del dev
    async with Database(settings.database_url.get_secret_value(), size=SCHEDULER_POOL) as database:
        service = make_service(settings, database)
        await run_beside(
            stop.wait(),
            _launch_when_current(Guard(settings, database, readiness, stop), service, metrics),
            sweep(database, settings.retention, now),
            remove_what_is_discarded(service),
            watch_database(database, metrics, readiness),
        )


async def _launch_when_current(guard: Guard, service: Service, metrics: Metrics) -> None:
    due = partial(launch_what_is_due, service, metrics, now)
    await guard.then(due, waits_for_kafka=True)
    await guard.stop.wait()


async def collect(
    settings: CampaignSettings, metrics: Metrics, readiness: Readiness, stop: asyncio.Event, *, dev: bool
) -> None:
    """Count what came of launches until `stop` is set.

    Raises:
        KafkaUnreachableError: No broker answers at the start.
        MissingTopicsError: Nobody has created the topics.
    """
    del dev
    async with Database(settings.database_url.get_secret_value(), size=settings.database_pool) as database:
        collector = Collector(settings, database, metrics, f"{socket.gethostname()}-{os.getpid()}")
        guard = Guard(settings, database, readiness, stop)
        watching = watch_database(database, metrics, readiness)
        await run_beside(guard.then(partial(collector.run, stop)), watching)


async def mirror_keys(
    settings: CampaignSettings, metrics: Metrics, readiness: Readiness, stop: asyncio.Event, *, dev: bool
) -> None:
    """Mirror the sites' keys to `PUSHMILL_VAPID_DIR` until `stop` is set; without it, rest."""
    del dev
    async with Database(settings.database_url.get_secret_value(), size=SMALL_POOL) as database:
        watching = watch_database(database, metrics, readiness)
        if settings.vapid_dir is None:
            log.info("resting: PUSHMILL_VAPID_DIR names no folder to mirror keys to")
            await run_beside(stop.wait(), watching)
            return
        seals = settings.secrets.keys(Purpose.SEAL)
        mirror = Mirror(database, seals, KeyFolder(settings.vapid_dir))
        await run_beside(mirror.run(stop), watching)


RUNS: Mapping[str, Run] = {
    "api": serve,
    "launcher": launch,
    "scheduler": schedule,
    "collector": collect,
    "keys": mirror_keys,
}
"""What this release has of the roles."""

API = "api"

LAUNCH_STATEMENT_SECONDS = 5.0
"""How long a launcher's statement may take: its lease is no longer."""

SMALL_POOL, SCHEDULER_POOL = 2, 3


def processes(settings: CampaignSettings) -> tuple[str, ...]:
    """Return the role of each process, by the process's number."""
    here = [role for role in settings.role_names if role in RUNS]
    return tuple(role for role in here for _ in range(settings.processes if role == API else 1))


def command(number: int, *, dev: bool) -> Sequence[str]:
    """Return the command line of a process."""
    own = ("--process", str(number), *(["--dev"] if dev else []))
    return (sys.executable, "-m", "worker.cli", "campaigns", "run", *own)


async def supervise(settings: CampaignSettings, stop: asyncio.Event, *, dev: bool) -> int:
    """Run all processes until `stop` is set; return the exit status for all."""
    stop_limit = settings.drain_timeout + STOP_MARGIN
    supervisor = Supervisor(
        len(processes(settings)), stop_limit=stop_limit, command=partial(command, dev=dev)
    )
    async with supervisor.status(settings.status_host, settings.status_port, prefix=CAMPAIGNS_PREFIX):
        return await supervisor.run(stop)


async def work(
    settings: CampaignSettings,
    role: str,
    stop: asyncio.Event,
    *,
    dev: bool,
    supervisor: socket.socket | None = None,
) -> None:
    """Run one role in this process until `stop` is set.

    Args:
        settings: The settings.
        role: Which one.
        stop: Starts the drain.
        dev: Whether pages of http://localhost may subscribe to every site.
        supervisor: This process's end of the channel to it; None if the status port is this process's own.
    """
    registry = _registry()
    metrics, readiness = Metrics(registry), Readiness()
    render = partial(generate_latest, registry)
    metrics.ready.labels(role).set_function(lambda: float(readiness.reason is None))

    def ready() -> str | None:
        return f"{role}: {readiness.reason}" if readiness.reason else None

    status: ProcessEnd | StatusServer
    if supervisor is not None:
        status = ProcessEnd(supervisor, ready=ready, render=render)
    else:
        status = StatusServer(
            settings.status_host, settings.status_port, ready=ready, render=render, prefix=CAMPAIGNS_PREFIX
        )
    collect_rarely()
    async with status:
        await RUNS[role](settings, metrics, readiness, stop, dev=dev)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
