"""The command line: every command of the contract, each of which ends in a status and never in a traceback.

Exit status: 0 done, 1 failed, 2 wrong usage or configuration.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn

import structlog
import typer
import uvloop
from aiokafka.errors import KafkaError

from worker.app.worker import MissingTopicsError, Worker
from worker.commands import campaign, capacity, check, demo, keys, send, simulate
from worker.config import (
    ConfigError,
    KafkaSettings,
    Settings,
    load_kafka_settings,
    load_settings,
    unknown_variables,
)
from worker.edges.kafka.client import KafkaStuckError, KafkaUnreachableError
from worker.edges.kafka.topics import Found, create_topics
from worker.edges.process.signals import stop_on_signal
from worker.edges.process.status import StatusPortError
from worker.edges.process.supervisor import STOP_MARGIN, UNBEGUN, Supervisor, process_count
from worker.logs import configure

FAILED, MISUSED = 1, 2
CANNOT_BEGIN = (KafkaUnreachableError, MissingTopicsError, StatusPortError)

log = structlog.get_logger(__name__)
app = typer.Typer(
    name="pushmill",
    help="Web Push delivery worker: send jobs from Kafka become pushes, and their outcomes go back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
topics = typer.Typer(help="Pushmill's topics in Kafka.", no_args_is_help=True)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.add_typer(topics, name="topics")
app.add_typer(keys.app, name="keys")
app.add_typer(campaign.app, name="campaign")
app.command("capacity")(capacity.capacity)
app.command("check")(check.check)
app.command("send")(send.send)


def main() -> None:
    """Run a command, and turn whatever is not the program's own fault into one line and a status."""
    try:
        app()
    except ConfigError as error:
        _end(str(error), MISUSED)
    except CANNOT_BEGIN as error:
        _end(str(error), FAILED)
    except KeyboardInterrupt:
        _end("interrupted", FAILED)


def _end(message: str, status: int) -> NoReturn:
    print(f"pushmill: {message}", file=sys.stderr)  # noqa: T201 - the command line's own voice
    raise SystemExit(status)


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)


@app.command()
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
            _run(_work(settings, process, socket.socket(fileno=os.dup(sys.stdin.fileno()))))
        except CANNOT_BEGIN as error:
            _end(str(error), UNBEGUN)
        return
    for name, meant in unknown_variables(os.environ).items():
        log.warning("nothing reads this variable", variable=name, meant=meant)
    count = process_count(settings.processes)
    _run(_work(settings) if count == 1 else _supervise(settings, count))


async def _work(settings: Settings, process: int = 0, supervisor: socket.socket | None = None) -> None:
    with stop_on_signal() as stop:
        try:
            await Worker(settings, process, supervisor).run(stop)
        except KafkaUnreachableError:
            if not stop.is_set():  # else it had come to do nothing, and is asked to do no more
                raise
        except KafkaStuckError as error:
            # No flush, no clean-up: a record that is still on its way must not land after the next start.
            log.critical("ending at once, without a clean-up", problem=str(error))
            os._exit(FAILED)


async def _supervise(settings: Settings, count: int) -> None:
    supervisor = Supervisor(count, stop_limit=settings.drain_timeout + STOP_MARGIN)
    with stop_on_signal() as stop:
        async with supervisor.status(settings.status_host, settings.status_port):
            status = await supervisor.run(stop)
    if status:
        raise SystemExit(status)


@topics.command("create")
def create(
    partitions: Annotated[int, typer.Option(min=1, help="Of each topic that is created.")] = 12,
    replicas: Annotated[int, typer.Option(min=1, help="Of each topic that is created.")] = 1,
) -> None:
    """Create the topics that are missing, and say what is found otherwise; never alters one that exists."""
    settings = load_kafka_settings(os.environ)
    _run(_create_topics(settings, partitions, replicas))


async def _create_topics(settings: KafkaSettings, partitions: int, replicas: int) -> None:
    try:
        found = await create_topics(settings, partitions=partitions, replicas=replicas)
    except KafkaError as error:
        _end(f"a topic cannot be created: {error}", FAILED)
    for topic in found:
        typer.echo(_said(topic))


def _said(topic: Found) -> str:
    if topic.created:
        return f"created  {topic.name}  ({topic.partitions} partitions)"
    return "\n".join(
        (f"exists   {topic.name}  ({topic.partitions} partitions)", *(f"         {d}" for d in topic.differs))
    )


if __name__ == "__main__":
    main()
