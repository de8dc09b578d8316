"""`pushmill campaigns migrate`: brings the database's schema up to this release."""

import os

import typer

from campaigns.config import load_campaign_settings
from campaigns.store.database import DatabaseAwayError, DatabaseUrlError
from campaigns.store.migrate import SchemaError
from campaigns.store.migrate import migrate as apply_missing
from worker.commands import FAILED, MISUSED, end, run_async


def migrate() -> None:
    """Apply what the database's schema lacks; may be run again, and by several at once."""
    settings = load_campaign_settings(os.environ)
    try:
        applied = run_async(apply_missing(settings.database_url.get_secret_value()))
    except DatabaseUrlError as error:
        end(str(error), MISUSED)
    except (DatabaseAwayError, SchemaError) as error:
        end(str(error), FAILED)
    for migration in applied:
        typer.echo(f"applied  {migration.number:04}  {migration.name}")
    if not applied:
        typer.echo("the schema is up to date")
