"""Commands that other packages bring along; which ones, the entry points of `pushmill.commands` say.

An entry point is a `typer.Typer`, or a function that is a command. It names the extras that it needs in
brackets, and is imported only when it is called or listed. Knows no such package.
"""

from collections.abc import Callable
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from worker.commands import MISUSED, end, needs_packages
from worker.commands.usage import CommandLineError

GROUP = "pushmill.commands"
DEMOS = "pushmill.demos"
"""The entry points of demos: each is a function that takes the demo's options and returns the exit status."""


class ExtensibleGroup(TyperGroup):
    """A group of commands, and those of the entry points."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the group's own commands, then those of other packages."""
        return [*super().list_commands(ctx), *sorted(found.name for found in entry_points(group=GROUP))]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is meant; where there is none, suggest those of the list alone."""
        self.suggest_commands = False  # Typer would suggest hidden ones, and none of other packages
        try:
            return super().resolve_command(ctx, args)
        except CommandLineError as error:
            listed = [name for name in self.list_commands(ctx) if not self._is_hidden(name)]
            if meant := get_close_matches(args[0], listed):
                error.message = f"{error.message} Did you mean {' or '.join(meant)}?"
            raise

    def _is_hidden(self, name: str) -> bool:
        return name in self.commands and self.commands[name].hidden

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None if there is none of this name; its own come first."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for found in entry_points(group=GROUP, name=cmd_name):
            command = get_command(load(found))
            command.name = cmd_name  # what the list of commands shows; it would be the function's, or none
            return command
        return None


def find_function(group: str, name: str) -> Callable[..., Any]:
    """Import the function of an entry point; if packages that it needs are missing, say so and exit."""
    for entry in entry_points(group=group, name=name):
        try:
            found: Callable[..., Any] = entry.load()
        except ModuleNotFoundError as error:
            if _top(error.name or "") == _top(entry.module):
                raise
            end(_needs(entry), MISUSED)
        return found
    raise LookupError(f"this package brings no {name} of {group}")


def load(entry: EntryPoint) -> typer.Typer:
    """Import a command, or make one that says which extras are missing."""
    try:
        loaded = entry.load()
    except ModuleNotFoundError as error:
        if _top(error.name or "") == _top(entry.module):
            raise
        return _without_extras(entry)
    if isinstance(loaded, typer.Typer):
        return loaded
    app = typer.Typer(add_completion=False)
    app.command()(loaded)
    return app


def _without_extras(entry: EntryPoint) -> typer.Typer:
    app = typer.Typer(add_completion=False)
    needs = _needs(entry).removeprefix(f"{entry.name} ")
    anything = {"allow_extra_args": True, "ignore_unknown_options": True}

    @app.command(help=needs.capitalize(), context_settings=anything, add_help_option=False)
    def refuse() -> None:
        end(f"{entry.name} {needs}", MISUSED)

    return app


def _needs(entry: EntryPoint) -> str:
    return needs_packages(entry.name, ",".join(entry.extras))


def _top(module: str) -> str:
    return module.partition(".")[0]
