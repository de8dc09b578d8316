"""`pushmill campaigns subscribers`: import, export, count and erase."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from campaigns.commands.local import Local, local_service, run_locally, site_number
from campaigns.commands.progress import Tell, progress
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
from worker.commands import FAILED, MISUSED, complain, end

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

    def __str__(self) -> str:
        lines = "line" if self.read == 1 else "lines"
        taken = f"{self.added:,} added, {self.updated:,} updated"
        return f"{self.read:,} {lines}: {taken}, {self.rejected:,} rejected"


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

    Lines that cannot be imported go to FILE.rejected, with the reason. Whoever unsubscribed stays so. Fails
    if no line at all can be imported.
    """
    number = site_number(site)
    rejections, totals = Rejections(file), Totals()
    try:
        with (
            open_source(file) as source,
            rejections,
            _told(totals),
            progress("importing", source.size) as tell,
        ):
            run_locally(_import(source, rejections, totals, tell, site=number, vapid_key=vapid_key))
    except FileError as error:
        end(f"{file} {error}", MISUSED)
    except OSError as error:
        end(f"cannot read {file}, or write {rejections.path}: {error.strerror}", FAILED)
    if as_json:
        typer.echo(msgspec.json.encode(totals))
    else:
        typer.echo(f"{totals} (see {rejections.path})" if totals.rejected else str(totals))
    if totals.read and totals.rejected == totals.read:
        raise typer.Exit(FAILED)


@contextmanager
def _told(totals: Totals) -> Iterator[None]:
    """Say how far it came if it breaks off, by Ctrl-C or because the database is away."""
    try:
        yield
    except BaseException:
        if totals.read:
            complain(f"importing stopped after {totals}; run it again to go on, nobody is added twice")
        raise


async def _import(
    source: Source, rejections: Rejections, totals: Totals, tell: Tell, *, site: int, vapid_key: str
) -> None:
    async with local_service() as local:
        lines = read_lines(source, local.service.endpoints, local.service.zones)
        while batch := list(islice(lines, BATCH)):
            done = await _import_batch(local, site, vapid_key, batch)
            _count(totals, batch, done, rejections)
            tell(source.file.tell() if source.size else totals.read, str(totals))


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
