"""`pushmill campaigns subscribers`: import, export, count and erase."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from campaigns.commands.local import Local, local_service, run_locally, site_number
from campaigns.commands.subscriber_files import (
    FileError,
    FileLine,
    Rejections,
    Source,
    open_source,
    read_lines,
)
from campaigns.model.import_lines import write_json_line
from campaigns.operations.importing import BATCH, export_page, import_lines
from campaigns.operations.subscribers import count_by_status, erase_user
from campaigns.store.subscriber_import import Imported, ImportLine, ImportProblem
from worker.commands import FAILED, MISUSED, end

app = typer.Typer(help="A site's subscribers: import, export, count, erase.", no_args_is_help=True)

Site = Annotated[str, typer.Option("--site", metavar="SITE", help="The site's id, such as site_7.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

WORDS = {
    ImportProblem.UNSUBSCRIBED: "has unsubscribed",
    ImportProblem.OTHER_KEYS: "has an endpoint that is known with other keys",
    ImportProblem.OTHER_HWID: "has a hwid that is somebody else's",
}


class Totals(msgspec.Struct):
    """What became of a file's lines so far."""

    read: int = 0
    added: int = 0
    updated: int = 0
    rejected: int = 0


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(help="JSON Lines, or CSV if its name ends so; - is standard input."),
    ],
    site: Site,
    vapid_key: Annotated[
        str, typer.Option(help="The name of the key that the subscriptions were made with.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Add and update subscribers from a file. May be run again: nobody is added twice.

    Lines that cannot be imported go to FILE.rejected, with the reason. Whoever unsubscribed stays so.
    """
    number = site_number(site)
    rejections = Rejections(file)
    try:
        with open_source(file) as source, rejections, _progress() as progress:
            totals = run_locally(_import(source, number, vapid_key, rejections, progress))
    except FileError as error:
        end(f"{file} {error}", MISUSED)
    except OSError as error:
        end(f"cannot read {file}, or write {rejections.path}: {error.strerror}", FAILED)
    if as_json:
        typer.echo(msgspec.json.encode(totals))
        return
    typer.echo(
        f"{totals.read:,} lines: {totals.added:,} added, {totals.updated:,} updated, "
        f"{totals.rejected:,} rejected" + (f" (see {rejections.path})" if totals.rejected else "")
    )


async def _import(
    source: Source, site: int, vapid_key: str, rejections: Rejections, progress: Progress
) -> Totals:
    totals = Totals()
    task = progress.add_task("importing", total=source.size)
    async with local_service() as local:
        lines = read_lines(source, local.service.endpoints, local.service.zones)
        while batch := list(islice(lines, BATCH)):
            done = await _import_batch(local, site, vapid_key, batch)
            _count(totals, batch, done, rejections)
            progress.update(task, completed=source.file.tell() if source.size else totals.read)
    return totals


async def _import_batch(local: Local, site: int, vapid_key: str, batch: list[FileLine]) -> Imported:
    lines = [ImportLine(line.number, *line.entry) for line in batch if line.entry is not None]
    return await import_lines(*local, site, lines, vapid_key=vapid_key, now=datetime.now(UTC))


def _count(totals: Totals, batch: list[FileLine], done: Imported, rejections: Rejections) -> None:
    problems = {line.number: line.problem for line in batch if line.entry is None}
    problems |= {each.line: WORDS[each.problem] for each in done.rejected}
    for line in batch:
        if line.number in problems:
            rejections.write(line, problems[line.number])
    totals.read += len(batch)
    totals.added += done.added
    totals.updated += done.updated
    totals.rejected += len(problems)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@app.command("export")
def export(site: Site) -> None:
    """Write a site's subscribers to standard output, as JSON Lines that `import` reads.

    Endpoints and keys are enough to send: keep the file as you keep a password.
    """
    number = site_number(site)
    run_locally(_export(number))


async def _export(site: int) -> None:
    after = -1
    async with local_service() as local:
        while page := await export_page(*local, site, after):
            typer.echo(b"".join(write_json_line(each) + b"\n" for each in page), nl=False)
            after = page[-1].id


@app.command("count")
def count(site: Site, *, as_json: AsJson = False) -> None:
    """Say how many subscribers a site has of each status."""
    number = site_number(site)
    counts = run_locally(_counts(number))
    if as_json:
        typer.echo(msgspec.json.encode(counts))
    for status, found in {} if as_json else counts.items():
        typer.echo(f"{found:>12,}  {status}")


async def _counts(site: int) -> dict[str, int]:
    async with local_service() as local:
        return {str(status): found for status, found in (await count_by_status(*local, site)).items()}


@app.command("erase")
def erase(
    site: Site,
    external_id: Annotated[str, typer.Option(help="Whose subscribers: the site's own id of the user.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Erase all subscribers of a user, and all that leads to them."""
    number = site_number(site)
    erased = run_locally(_erase(number, external_id))
    typer.echo(msgspec.json.encode({"erased": erased}) if as_json else f"{erased} erased")


async def _erase(site: int, external_id: str) -> int:
    async with local_service() as local:
        return len(await erase_user(*local, site, external_id))
