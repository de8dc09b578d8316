"""`pushmill campaigns run`: the service, a process for each role."""

import os
import socket
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import structlog
import typer

from campaigns.api.limits import IN_MEMORY, Limiter, StorageError
from campaigns.api.process import ListenError, refuse_taken
from campaigns.config import CampaignSettings, load_campaign_settings, unknown_variables
from campaigns.operations.secret_check import OtherSecretError, check_secret
from campaigns.roles import API, RUNS, processes, supervise, work
from campaigns.store.database import Database, DatabaseAwayError, DatabaseUrlError
from campaigns.store.migrate import SchemaError, check_schema
from worker.commands import FAILED, MISUSED, end, run_async
from worker.edges.kafka.client import KafkaStuckError, KafkaUnreachableError
from worker.edges.kafka.topics import MissingTopicsError
from worker.edges.process.signals import stop_on_signal
from worker.edges.process.status import StatusPortError
from worker.edges.process.supervisor import UNBEGUN
from worker.logs import configure

CANNOT_BEGIN = (
    *(DatabaseAwayError, SchemaError, ListenError, StatusPortError),
    *(KafkaUnreachableError, MissingTopicsError),
)

log = structlog.get_logger(__name__)


def run(
    *,
    dev: Annotated[
        bool, typer.Option("--dev", help="Let pages of http://localhost subscribe to every site.")
    ] = False,
    process: Annotated[
        int | None, typer.Option(hidden=True, help="Number of this process; the supervisor is its stdin.")
    ] = None,
) -> None:
    """Serve the API, launch campaigns, collect what came of them. Configured by environment variables."""
    settings = load_campaign_settings(os.environ)
    configure(settings.log_format, settings.log_level, sys.stderr)
    roles = processes(settings)
    try:
        if process is not None:
            run_async(_work(settings, roles[process], process, dev=dev))
        else:
            _tell(settings)
            Limiter(settings.rate_limit_storage.get_secret_value())  # says at once what it lacks
            run_async(_begin(settings, roles, dev=dev))
    except (DatabaseUrlError, StorageError, OtherSecretError) as error:
        end(str(error), MISUSED)
    except CANNOT_BEGIN as error:
        end(str(error), FAILED if process is None else UNBEGUN)


async def _begin(settings: CampaignSettings, roles: tuple[str, ...], *, dev: bool) -> None:
    async with (
        Database(settings.database_url.get_secret_value(), size=1) as database,
        database.connection() as connection,
    ):
        await check_schema(connection)
        await check_secret(connection, settings.secrets)
    with stop_on_signal() as stop:
        if len(roles) == 1:
            await _run(work(settings, roles[0], stop, dev=dev))
            return
        if API in roles:
            refuse_taken(settings)  # its process would be restarted for ever
        status = await supervise(settings, stop, dev=dev)
    if status:
        raise SystemExit(status)


async def _work(settings: CampaignSettings, role: str, process: int, *, dev: bool) -> None:
    structlog.contextvars.bind_contextvars(role=role, process=process)
    channel = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    with stop_on_signal() as stop:
        await _run(work(settings, role, stop, dev=dev, supervisor=channel))


async def _run(working: Coroutine[Any, Any, None]) -> None:
    try:
        await working
    except* KafkaStuckError as error:
        # No flush, no cleanup: a record that is still in transit must not arrive after the next start.
        log.critical("exiting at once without cleanup", problem=str(error.exceptions[0]))
        os._exit(FAILED)


def _tell(settings: CampaignSettings) -> None:
    for name, meant in unknown_variables(os.environ).items():
        log.warning("unknown setting ignored", variable=name, meant=meant)
    for role in settings.role_names:
        if role not in RUNS:
            log.info("this release does not have this role", role=role)
    if settings.processes > 1 and settings.rate_limit_storage.get_secret_value() == IN_MEMORY:
        log.warning(
            "each process counts requests for itself; set PUSHMILL_CAMPAIGNS_RATE_LIMIT_STORAGE",
            processes=settings.processes,
        )
