"""The commands, a file each, and what they share: their exit statuses, and how a failed one ends.

That includes one whose extra is not installed.
"""

import asyncio
from collections.abc import Coroutine
from importlib.util import find_spec
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


def require_packages(command: str, extras: str, *packages: str) -> None:
    """End a command that needs packages which are imported only later, or by another process, without them.

    Args:
        command: What was called.
        extras: Those that bring the packages, with commas between.
        packages: What is imported.
    """
    if any(find_spec(package) is None for package in packages):
        end(needs_packages(command, extras), MISUSED)


def needs_packages(command: str, extras: str) -> str:
    """Say which extras bring what a command needs."""
    return f"{command} needs more packages: pip install 'pushmill[{extras}]'"


def run_async(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine on uvloop and return its result."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)
