"""A mistake on the command line, in one line: Typer itself draws a box of five around each.

Decides how it reads. Knows no command.
"""

from typing import Any

import typer

CommandLineError: type[Any] = next(
    each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException"
)
"""What Typer raises for every such mistake; releases differ in where it is, and whose."""

_HELP_IS_SHOWN = "NoArgsIsHelpError"


def in_one_line(error: Any) -> str | None:
    """Say what is wrong, and where to read how it is done; None if the help has been shown already."""
    if type(error).__name__ == _HELP_IS_SHOWN:
        return None
    problem = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    if context is None:
        return problem
    mark = "" if problem.endswith((".", "?")) else "."
    return f"{problem}{mark} See `{context.command_path} --help`"
