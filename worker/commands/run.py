"""`pushmill run`: the worker, in this process or in several under a supervisor.

Decides which of the two it is, and the exit status. What a worker does is up to `worker.app`.
"""

import os
import socket
import sys
from typing import Annotated

import structlog
import typer

from worker.app.worker import Worker
from worker.commands import FAILED, end, run_async
from worker.config import Settings, load_settings, unknown_variables
from worker.edges.agreement.choice import AgreementError, choose
from worker.edges.kafka.client import KafkaStuckError, KafkaUnreachableError
from worker.edges.kafka.login import warn_of_oddities
from worker.edges.kafka.metadata import TopicsNotReadyError
from worker.edges.kafka.topics import MissingTopicsError
from worker.edges.process.signals import stop_on_signal
from worker.edges.process.status import StatusPortError
from worker.edges.process.supervisor import STOP_MARGIN, UNBEGUN, Supervisor, process_count
from worker.ledger.patience import ANSWER_LIMIT
from worker.logs import configure

CANNOT_BEGIN = (KafkaUnreachableError, MissingTopicsError, TopicsNotReadyError, StatusPortError)

log = structlog.get_logger(__name__)


def run(
    process: Annotated[
        int | None, typer.Option(hidden=True, help="Number of this process; the supervisor is its stdin.")
    ] = None,
) -> None:
    """Deliver: read send jobs, push, write outcomes. Configured by PUSHMILL_* variables alone."""
    settings = load_settings(os.environ)
    configure(settings.log_format, settings.log_level, sys.stderr)
    if process is not None:
        structlog.contextvars.bind_contextvars(process=process)
        try:
            run_async(_work(settings, process, socket.socket(fileno=os.dup(sys.stdin.fileno()))))
        except (AgreementError, *CANNOT_BEGIN) as error:
            end(str(error), UNBEGUN)
        return
    for name, meant in unknown_variables(os.environ).items():
        log.warning("unknown setting ignored", variable=name, meant=meant)
    warn_of_oddities(settings)
    count = process_count(settings.processes)
    run_async(_work(settings) if count == 1 else _supervise(settings, count))


async def _work(settings: Settings, process: int = 0, supervisor: socket.socket | None = None) -> None:
    with stop_on_signal() as stop:
        try:
            await Worker(settings, process, supervisor).run(stop)
        except KafkaUnreachableError:
            if not stop.is_set():  # else it was stopped before it began, which is a clean stop
                raise
        except KafkaStuckError as error:
            # No flush, no cleanup: a record that is still in transit must not arrive after the next start.
            log.critical("exiting at once without cleanup", problem=str(error))
            os._exit(FAILED)


def _stop_limit(settings: Settings) -> float:
    """Return how long a process may take to stop: killed while it waits for Kafka, it would repeat pushes."""
    return settings.drain_timeout + ANSWER_LIMIT + STOP_MARGIN


async def _supervise(settings: Settings, count: int) -> None:
    if settings.agreement == "multibuffer":
        choose(settings.agreement)  # refused here, it is refused once
    supervisor = Supervisor(count, stop_limit=_stop_limit(settings))
    with stop_on_signal() as stop:
        async with supervisor.status(settings.status_host, settings.status_port):
            status = await supervisor.run(stop)
    if status:
        raise SystemExit(status)
