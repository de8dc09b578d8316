"""What a new site is, as options of a command; what may be of it, operations decide."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from campaigns.commands.key_files import read_key_file
from campaigns.model.site import ANY_LOCAL, origin_of
from worker.commands import MISUSED, end


class Identity(StrEnum):
    """Whether whoever says it is a user of the site has to prove it."""

    PROVED = "proved"
    OPEN = "open"


Url = Annotated[str, typer.Argument(help="Where the site is: https://shop.example")]
Origins = Annotated[
    list[str] | None,
    typer.Option("--origin", help="Whose pages may subscribe, instead of the URL's. May be given again."),
]
Name = Annotated[str | None, typer.Option(help="For people.", show_default="the host")]
Zone = Annotated[str, typer.Option(help="Time zone in which wall times are meant.")]
KeyName = Annotated[
    str | None, typer.Option(help="What its key is called at the worker.", show_default="a name is made")
]
KeyFile = Annotated[
    str | None,
    typer.Option(help="File with the private key that it has already, in any form; - is standard input."),
]
Public = Annotated[
    str | None, typer.Option(help="The public key that its pages use: add only if the file matches.")
]
PasswordFile = Annotated[Path | None, typer.Option(help="File with the password of an encrypted key.")]
Identified = Annotated[
    Identity,
    typer.Option("--identity", help="Whether who says it is a user of the site has to prove it."),
]
Dev = Annotated[
    bool, typer.Option("--dev", help="Let pages of http://localhost subscribe, too, on any port.")
]
Another = Annotated[
    bool, typer.Option("--another", help="Add it even if there is a site for the same pages already.")
]


def given_key(file: str | None, public: str | None, password_file: Path | None) -> bytes | None:
    """Read the key that a site has already; None if it is to get one."""
    if file is not None:
        return read_key_file(file, public=public, password_file=password_file)
    if public or password_file:
        end("--public and --password-file are about the key in --key-file; give that, too", MISUSED)
    return None


def given_origins(url: str, origins: list[str] | None, *, dev: bool) -> tuple[str, ...] | None:
    """Return whose pages may subscribe; None for those of the URL alone."""
    if not dev:
        return tuple(origins) if origins else None
    return (*(origins or [origin_of(url) or url]), ANY_LOCAL)
