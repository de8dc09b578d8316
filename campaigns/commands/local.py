"""What commands share that work on the database themselves: an account, and every problem in one line."""

import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

from campaigns.account import oldest_account
from campaigns.config import load_campaign_settings
from campaigns.model import ids
from campaigns.model.ids import Kind
from campaigns.model.problems import ProblemError
from campaigns.model.scope import Scope
from campaigns.model.secrets import SealError
from campaigns.operations.secret_check import OtherSecretError
from campaigns.operations.service import Service
from campaigns.store.database import DatabaseAwayError, DatabaseUrlError
from campaigns.store.migrate import SchemaError
from worker.commands import FAILED, MISUSED, end, run_async

STATEMENT_SECONDS = 300.0
"""How long a statement of a command may take: nobody waits for it but the one who started it."""

_Result = TypeVar("_Result")


class Local(NamedTuple):
    """What every operation takes first and second."""

    scope: Scope
    service: Service


@asynccontextmanager
async def local_service() -> AsyncIterator[Local]:
    """Open the database that the settings name, for the oldest account."""
    settings = load_campaign_settings(os.environ)
    async with oldest_account(settings, statement_seconds=STATEMENT_SECONDS) as (scope, service):
        yield Local(scope, service)


def run_locally(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run what a command does; what the user or the database did wrong ends it with one line and a status."""
    try:
        return run_async(work)
    except (DatabaseUrlError, OtherSecretError) as error:
        end(str(error), MISUSED)
    except ProblemError as problem:
        end(problem.detail, MISUSED)
    except (DatabaseAwayError, SchemaError, SealError) as error:
        end(str(error), FAILED)


def site_number(text: str) -> int:
    """Read `--site`."""
    number = ids.read(Kind.SITE, text)
    if number is None:
        end("--site should be a site's id, such as site_7", MISUSED)
    return number
