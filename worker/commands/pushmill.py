"""The command line: assembles the commands, and turns an error into one line and a status, never a traceback.

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
"""

from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from worker.commands import (
    FAILED,
    INTERRUPTED,
    MISUSED,
    capacity,
    check,
    complain,
    control,
    dead_letters,
    demo,
    keys,
    run,
    send,
    simulate,
    topics,
)
from worker.commands.extensions import ExtensibleGroup
from worker.commands.usage import CommandLineError, in_one_line
from worker.config import ConfigError
from worker.edges.agreement.choice import AgreementError

app = typer.Typer(
    name="pushmill",
    cls=ExtensibleGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"pushmill {version('pushmill')}")
        raise typer.Exit


@app.callback()
def _pushmill(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Web Push delivery worker: send jobs from Kafka become pushes, and their outcomes go back."""


app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.add_typer(topics.app, name="topics")
app.add_typer(keys.app, name="keys")
app.add_typer(control.app, name="control")
app.add_typer(control.app, name="campaign", hidden=True)  # its name until 0.1.0
app.add_typer(dead_letters.app, name="dead-letters")
app.command("capacity")(capacity.capacity)
app.command("check")(check.check)
app.command("send")(send.send)
app.command("run")(run.run)


def main() -> None:
    """Run a command, and turn whatever is not the program's own fault into one line and a status."""
    try:
        status = _run()
    except (ConfigError, AgreementError) as error:
        _end(str(error), MISUSED)
    except run.CANNOT_BEGIN as error:
        _end(str(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    if status == INTERRUPTED:
        complain("interrupted")
    raise SystemExit(status)


def _run() -> int:
    """Run a command; return its exit status."""
    try:
        status = app(standalone_mode=False)
    except SystemExit as ended:
        if isinstance(ended.code, str):  # which Python prints itself
            raise
        status = ended.code
    except CommandLineError as error:
        if (line := in_one_line(error)) is not None:
            complain(line)
        return MISUSED
    return status if isinstance(status, int) else 0


def _end(message: str, status: int) -> NoReturn:
    complain(message)
    raise SystemExit(status)
