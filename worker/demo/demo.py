"""`pushmill demo`: the whole path on loopback, with real processes, checked to the last recipient.

    producer -> Kafka -> workers -> push services over TLS
                           |
           collector <- Kafka

There are two plays: `queued.py` sends everything at once, `stretched.py` spreads it over time. `stage.py`
starts what runs, `drafts.py` and `producer.py` decide what is sent, `report.py` and `course_report.py` check
the result.
"""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import uvloop
from aiokafka.errors import KafkaError
from rich.console import Console

from worker.demo import queued, stretched
from worker.demo.broker import BrokerError
from worker.demo.collector import Collector
from worker.demo.course_report import course_checks, render_course
from worker.demo.evidence import Evidence
from worker.demo.processes import ProcessDiedError, while_alive
from worker.demo.report import checks, render, render_speed
from worker.demo.stage import Options, Stage, StuckError, ready_stage

DONE, FAILED, INTERRUPTED = 0, 1, 130
EXPECTED = (BrokerError, ProcessDiedError, StuckError, KafkaError, aiohttp.ClientError)
"""What says by its text why the demo cannot go on."""

CLOSING_SECONDS = 120.0
"""Time for what follows the last outcome: stopping, reading to the end, comparing."""


def run(options: Options) -> int:
    """Run the demo, and return the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(until_interrupted(demonstrate(options, Console())))


async def until_interrupted(
    work: Coroutine[Any, Any, bool],
    *more_errors: type[Exception],
    command: str = "demo",
    interrupted: int = INTERRUPTED,
) -> int:
    """Do the work; if it ends early, print one message after everything has been cleaned up.

    Args:
        work: Returns whether everything was right.
        more_errors: Exceptions besides the demo's own whose text is the message.
        command: What was called.
        interrupted: The exit status after a signal.
    """
    working = asyncio.create_task(work)
    with _cancelled_by_signals(working):
        try:
            return DONE if await working else FAILED
        except asyncio.CancelledError:
            _complain(command, "everything has been stopped")
            return interrupted
        except TimeoutError:
            _complain(command, "timed out; everything has been stopped")
        except (*EXPECTED, *more_errors) as error:
            _complain(command, str(error) or type(error).__name__)
    return FAILED


@contextmanager
def _cancelled_by_signals(working: asyncio.Task[bool]) -> Iterator[None]:
    """Let the first signal cancel a task; further ones must not disturb it while it cleans up."""
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def interrupt(number: int) -> None:
        if not received:
            working.cancel()
        received.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, interrupt, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            if received:  # nor may an impatient Ctrl-C interrupt the interpreter's own exit
                signal.signal(number, signal.SIG_IGN)


def _complain(command: str, message: str) -> None:
    print(f"pushmill {command}: {message}", file=sys.stderr)  # noqa: T201 - this is the command's output


async def demonstrate(options: Options, console: Console) -> bool:
    """Start everything, run the play and check the result; return whether everything was right.

    Raises:
        ProcessDiedError: A worker or the push services exited unexpectedly.
        StuckError: The workers did not join their group.
        BrokerError: The embedded broker cannot be used.
        KafkaUnreachableError: The Kafka that the environment names does not answer.
        ConfigError: A setting for that Kafka is invalid.
        TimeoutError: Something hangs.
    """
    async with (
        asyncio.timeout(options.limit + CLOSING_SECONDS),
        ready_stage(options, console) as stage,
        Collector(stage.kafka.settings) as collector,
    ):
        _introduce(stage)
        return _close(stage, await _play(stage, collector))


def _introduce(stage: Stage) -> None:
    stage.say(stage.kafka.name)
    origins = ", ".join(f"{name} at {origin}" for name, origin in stage.services.origins.items())
    stage.say(f"simulated push services: {origins}")


async def _play(stage: Stage, collector: Collector) -> Evidence:
    play = stretched.play if stage.options.stretch else queued.play
    delivered = await while_alive(stage.processes, play(stage, collector))
    exits, cpu_seconds = await stage.stop_workers()
    await collector.finish()
    pushes = await stage.services.pushes()
    return Evidence(delivered, collector.received, pushes, exits, cpu_seconds)


def _close(stage: Stage, evidence: Evidence) -> bool:
    course = evidence.delivered.course
    verdicts = checks(evidence)
    figures = render_speed(evidence)
    if course:
        verdicts += course_checks(course, evidence)
        figures = render_course(course, evidence)
    stage.console.print(render(evidence, figures, verdicts))
    if all(check.passed for check in verdicts):
        stage.say(f"\nAll {stage.options.notifications:,} recipients are accounted for.")
        return True
    for tail in stage.log_tails():
        stage.console.out(tail, highlight=False)
    return False
