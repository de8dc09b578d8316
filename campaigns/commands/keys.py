"""`pushmill campaigns keys`: mirrors the sites' private keys to the workers' folder."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from campaigns.commands.local import run_locally
from campaigns.commands.sharing import AsJson, say_json
from campaigns.config import CampaignSettings, load_campaign_settings
from campaigns.keys.folder import KeyFolder
from campaigns.keys.mirror import Mirror, Mirrored
from campaigns.model.secrets import Purpose
from campaigns.store.database import Database
from campaigns.store.migrate import check_schema
from worker.commands import FAILED, MISUSED, end
from worker.edges.process.signals import stop_on_signal
from worker.logs import configure

app = typer.Typer(help="The sites' private keys: mirror them to the workers' folder.", no_args_is_help=True)


@app.callback()
def _keys() -> None:
    """Keep `sync` a command of its own."""


@app.command("sync")
def sync(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The workers' PUSHMILL_VAPID_DIR.")],
    *,
    once: Annotated[bool, typer.Option("--once", help="Write what is missing, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Mirror every site's private key to DIR as NAME.pem, and each new one within 5 seconds.

    Runs until it is stopped, beside a worker. A file that holds another key is left alone.
    """
    if as_json and not once:
        end("--json is for --once: what runs on has no result", MISUSED)
    settings = load_campaign_settings(os.environ)
    configure(settings.log_format, settings.log_level, sys.stderr)
    if not once:
        run_locally(_run(settings, folder))
        return
    try:
        done = run_locally(_look(settings, folder))
    except OSError as error:
        end(f"{folder} cannot be written: {error.strerror or error}", FAILED)
    if as_json:
        say_json(done)
    else:
        typer.echo(f"{done.written} written, {done.present} present, {done.failed} failed")
    if done.failed:
        raise typer.Exit(FAILED)


def _database(settings: CampaignSettings) -> Database:
    return Database(settings.database_url.get_secret_value(), size=1)


def _mirror(settings: CampaignSettings, database: Database, folder: Path) -> Mirror:
    return Mirror(database, settings.secrets.keys(Purpose.SEAL), KeyFolder(folder))


async def _run(settings: CampaignSettings, folder: Path) -> None:
    with stop_on_signal() as stop:
        async with _database(settings) as database:
            await _mirror(settings, database, folder).run(stop)


async def _look(settings: CampaignSettings, folder: Path) -> Mirrored:
    async with _database(settings) as database:
        async with database.connection() as connection:
            await check_schema(connection)
        return await _mirror(settings, database, folder).look()
