"""`pushmill demo`."""

from typing import Annotated

import typer


def demo(
    notifications: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many are sent.")] = 20_000,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes.")] = 2,
    seed: Annotated[int, typer.Option(help="What is sent, and what goes wrong, follows from it.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with keys and logs.")] = False,
) -> None:
    """Show the whole job on this machine: broker, workers, push services; every push is checked.

    Uses the Kafka of PUSHMILL_KAFKA_BOOTSTRAP_SERVERS if that is set, with topics of its own.
    """
    from worker.demo.demo import Options, run  # noqa: PLC0415 - the other commands do without

    options = Options(notifications=notifications, workers=workers, seed=seed, keep=keep)
    raise typer.Exit(run(options))
