"""The commands, a file each, and what they share: their exit statuses, and how a failed one ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
import uvloop

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit statuses: the command failed, its usage or configuration is wrong, or Ctrl-C ended it."""

_Result = TypeVar("_Result")


def end(message: str, status: int) -> NoReturn:
    """Print one line on standard error and end the command with a status."""
    complain(message)
    raise typer.Exit(status)


def complain(message: str) -> None:
    """Print one line on standard error."""
    typer.echo(f"pushmill: {message}", err=True)


def run_async(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine on uvloop and return its result."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)
