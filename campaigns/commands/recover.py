"""`pushmill campaigns recover`: tells a restored database what Kafka has had since the backup."""

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from campaigns.commands.local import STATEMENT_SECONDS
from campaigns.commands.sharing import AsJson, say_json
from campaigns.config import load_campaign_settings
from campaigns.recovery.recover import Recovered, StillLaunchingError
from campaigns.recovery.recover import recover as enter_what_was_missed
from campaigns.store.database import Database, DatabaseAwayError, DatabaseUrlError
from campaigns.store.migrate import SchemaError, check_schema
from worker.commands import FAILED, MISUSED, end, run_async
from worker.edges.kafka.client import KafkaUnreachableError

EXAMPLE = "2026-11-21T04:00:00Z"


def recover(
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME", help=f"When the backup was made, or some time before: {EXAMPLE}, with an offset."
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """After a backup was restored: enter what has been launched since, so that nothing is sent twice.

    Run it before `run`, or while `run` waits for it. It may be run again.
    """
    moment = _moment(since)
    try:
        done = run_async(_recover(moment))
    except DatabaseUrlError as error:
        end(str(error), MISUSED)
    except (DatabaseAwayError, SchemaError, KafkaUnreachableError, StillLaunchingError) as error:
        end(str(error), FAILED)
    if as_json:
        say_json(done._asdict() | {"left": [str(each) for each in done.left]})
    else:
        typer.echo("\n".join(_lines(done)))


async def _recover(since: datetime) -> Recovered:
    settings = load_campaign_settings(os.environ)
    url = settings.database_url.get_secret_value()
    async with Database(url, size=2, statement_seconds=STATEMENT_SECONDS) as database:
        async with database.connection() as connection:
            await check_schema(connection)
        return await enter_what_was_missed(settings, database, since, datetime.now(UTC))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        end(f"--since should be a time with an offset, such as {EXAMPLE}", MISUSED)
    return moment


def _lines(done: Recovered) -> list[str]:
    counts = (
        (done.launches, "launches entered that the backup does not have; they go on where they were"),
        (done.sends, "small sends entered, so that what came of them is counted"),
        (done.controls, "launches paused, resumed or cancelled as they were since"),
        (done.outbox, "small sends compared with Kafka that waited to be written"),
        (done.erased, "subscribers erased again"),
        (len(done.left), "launches not entered: their site is gone, or their number was given again"),
    )
    lines = [f"{count:>12,}  {what}" for count, what in counts]
    return [*lines, *(f"not entered: {launch}" for launch in done.left)]
