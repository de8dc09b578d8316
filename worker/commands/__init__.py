"""The commands that need no Kafka, a file each, and how those end that cannot do what they are asked."""

from typing import NoReturn

import typer

FAILED, MISUSED = 1, 2
"""Exit statuses: could not be done, and wrong usage or configuration."""


def end(message: str, status: int) -> NoReturn:
    """Say one thing on standard error, and end with a status."""
    typer.echo(f"pushmill: {message}", err=True)
    raise typer.Exit(status)
