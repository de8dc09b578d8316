"""What a notification shows, as options of a command; what may be in it, operations decide."""

from typing import Annotated, Any

import typer

from campaigns.commands.sharing import read_json
from worker.commands import MISUSED, end

Title = Annotated[str | None, typer.Option(help="Title of the notification; needs --url.")]
Url = Annotated[str | None, typer.Option(help="URL that a click opens; needs --title.")]
Body = Annotated[str | None, typer.Option(help="Text below the title.")]
Icon = Annotated[str | None, typer.Option(help="URL of the icon.")]
Image = Annotated[str | None, typer.Option(help="URL of a large picture.")]
Badge = Annotated[str | None, typer.Option(help="URL of the small monochrome icon.")]
Json = Annotated[
    str | None,
    typer.Option("--content", help="The whole notification as JSON, instead; or @FILE with it."),
]


def content_of(content: str | None, **shown: str | None) -> Any:
    """Return the notification that options describe, as JSON decoded."""
    given = {name: text for name, text in shown.items() if text is not None}
    if content is not None:
        if given:
            end(
                f"--content cannot be combined with --{next(iter(given))}: it is the whole notification",
                MISUSED,
            )
        return read_json(content, "--content")
    if not given.keys() >= {"title", "url"}:
        end("give --title and --url, or --content", MISUSED)
    return given
