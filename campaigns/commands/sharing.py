"""What the commands that work on the database share besides: options, ids, whole lists, JSON."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from campaigns.commands.local import Local
from campaigns.model import ids
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind
from campaigns.model.platforms import PLATFORMS, Alias, alias_problem
from campaigns.operations.service import PAGE_MAX, Page
from worker.commands import MISUSED, end

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Site = Annotated[str, typer.Option("--site", metavar="SITE", help="The site's id, such as site_7.")]
TakenOver = Annotated[
    list[str] | None,
    typer.Option(
        "--as",
        metavar="PLATFORM:ID",
        help=f"An id that your code holds, from {', '.join(PLATFORMS)}. May be given again.",
    ),
]

_WORDS = {
    Kind.SITE: "site",
    Kind.SUBSCRIBER: "subscriber",
    Kind.CAMPAIGN: "campaign",
    Kind.CREDENTIAL: "credential",
}

_Item = TypeVar("_Item")


def number_of(kind: Kind, text: str, where: str) -> int:
    """Read an id that is an argument or an option."""
    number = ids.read(kind, text)
    if number is None:
        end(f"{where} should be a {_WORDS[kind]}'s id, such as {kind}_7", MISUSED)
    return number


def read_aliases(texts: list[str] | None) -> list[Alias]:
    """Read `--as`."""
    aliases = []
    for text in texts or ():
        platform, _, taken = text.partition(":")
        if platform not in PLATFORMS:
            end(f"--as should be PLATFORM:ID, with one of {', '.join(PLATFORMS)}", MISUSED)
        alias = Alias(CredentialKind(platform), taken)
        problem = alias_problem(alias)
        if problem:
            end(f"--as {problem.problem}", MISUSED)
        aliases.append(alias)
    return aliases


def read_json(text: str, where: str) -> Any:
    """Read JSON that is an argument; `@FILE` names a file that holds it."""
    try:
        return msgspec.json.decode(Path(text[1:]).read_bytes() if text.startswith("@") else text.encode())
    except OSError as error:
        end(f"{where}: {text[1:]} cannot be read: {error.strerror or error}", MISUSED)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        end(f"{where} should be JSON, or @ and the name of a file that holds it", MISUSED)


async def every(local: Local, ask: Callable[[Local, int, int], Awaitable[Page[_Item]]]) -> list[_Item]:
    """Ask for all of a list, page by page."""
    found: list[_Item] = []
    after: int | None = -1
    while after is not None:
        page = await ask(local, after, PAGE_MAX)
        found += page.items
        after = page.next
    return found


def say_json(value: object) -> None:
    """Print a value as a line of JSON."""
    typer.echo(msgspec.json.encode(value))
