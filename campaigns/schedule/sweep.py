"""Deletes what is kept no longer: a little at a time, and by any number of processes at once.

Decides how often and how much at once. How long what is kept, the model decides.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import NamedTuple

import structlog

from campaigns.model.retention import Cutoffs, Retention, cutoffs
from campaigns.store.credentials import delete_ended_access_tokens
from campaigns.store.database import Connection, Database, DatabaseAwayError
from campaigns.store.engagement import drop_engagement, drop_months
from campaigns.store.erasures import drop_erasures
from campaigns.store.former_zones import drop_former_zones
from campaigns.store.idempotency import delete_answers
from campaigns.store.job_outcomes import drop_outcomes
from campaigns.store.launches import delete_launches
from campaigns.store.subscriber_sweep import delete_unreachable, delete_unsubscribed

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 600.0
"""How often it is looked for what is too old."""

BREATH_SECONDS = 0.05
"""Between two parts of it: everybody else goes first."""

ROWS = 1_000
JOBS = 10_000
"""What is deleted in one transaction."""


class Step(NamedTuple):
    """Something that is deleted, a part at a time.

    Attributes:
        what: For people.
        delete: Deletes a part in a transaction, and returns how much that was.
        most: How much a part is at most; less says that nothing is left.
    """

    what: str
    delete: Callable[[Connection], Awaitable[int]]
    most: int


async def sweep(database: Database, retention: Retention, now: Callable[[], datetime]) -> None:
    """Delete what is too old again and again, until cancelled."""
    while True:
        for step in _steps(cutoffs(retention, now())):
            try:
                deleted = await _sweep(database, step)
            except DatabaseAwayError as error:
                log.warning("cannot delete what is too old; trying later", what=step.what, problem=str(error))
            else:
                if deleted:
                    log.info("deleted what is too old", what=step.what, count=deleted)
        await asyncio.sleep(SWEEP_SECONDS)


async def _sweep(database: Database, step: Step) -> int:
    """Delete one kind of what is too old, and return how much it was."""
    deleted, part = 0, step.most
    while part >= step.most:
        async with database.transaction() as connection:
            part = await step.delete(connection)
        deleted += part
        await asyncio.sleep(BREATH_SECONDS)
    return deleted


def _steps(cut: Cutoffs) -> Iterator[Step]:
    yield Step("idempotency keys", lambda lent: delete_answers(lent, cut.idempotency, ROWS), ROWS)
    yield Step("access tokens", lambda lent: delete_ended_access_tokens(lent, cut.access_tokens, ROWS), ROWS)
    yield Step("unsubscribed", lambda lent: delete_unsubscribed(lent, cut.unsubscribed, ROWS), ROWS)
    yield Step("unreachable", lambda lent: delete_unreachable(lent, cut.unreachable, ROWS), ROWS)
    yield Step("months of engagement", lambda lent: drop_months(lent, cut.engagement), 1)
    yield Step("engagement", lambda lent: drop_engagement(lent, cut.engagement, ROWS), ROWS)
    yield Step("launches", lambda lent: delete_launches(lent, cut.launches, ROWS), ROWS)
    yield Step("jobs", lambda lent: drop_outcomes(lent, cut.jobs, JOBS), JOBS)
    yield Step("erasures", lambda lent: drop_erasures(lent, cut.erasures, ROWS), ROWS)
    yield Step("former zones", lambda lent: drop_former_zones(lent, JOBS), JOBS)
