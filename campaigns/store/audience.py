"""How many, and who, is in a target: for previews, small sends and the number that a launch begins with."""

from collections.abc import Sequence
from typing import NamedTuple

from campaigns.model.condition import Condition
from campaigns.model.ids import SUBSCRIBER_END
from campaigns.store.condition_sql import Parameters, condition_sql
from campaigns.store.database import Connection

EXACT_MAX = 10_000
"""Subscribers that are counted one by one; beyond that their number is estimated."""

NAMED = """
SELECT s.id FROM subscriber_key AS k JOIN subscriber AS s ON s.id = k.subscriber AND s.site = k.site
WHERE k.site = $1 AND k.kind = 'external_id' AND k.value = ANY($2::text[]) AND s.status = 'active'
ORDER BY s.id LIMIT $3
"""


class Size(NamedTuple):
    """How many subscribers a target has.

    Attributes:
        subscribers: How many.
        exact: Whether they were counted, and not estimated.
    """

    subscribers: int
    exact: bool


async def find_numbers(
    connection: Connection, site: int, numbers: Sequence[int], condition: Condition | None = None
) -> list[int]:
    """Return those of these numbers that are active subscribers of a site, and meet a condition."""
    parameters = Parameters((site, list(numbers)))
    statement = _numbered(condition_sql(condition, parameters))
    return [row["id"] for row in await connection.fetch(statement, *parameters.values)]


def _numbered(condition: str) -> str:
    return f"""
        SELECT s.id FROM subscriber AS s
        WHERE s.site = $1 AND s.id = ANY($2::bigint[]) AND s.status = 'active' AND {condition} ORDER BY s.id
    """  # noqa: S608 - the condition is made of parameters alone


async def find_external_ids(
    connection: Connection, site: int, values: Sequence[str], limit: int
) -> list[int]:
    """Return the numbers of a site's active subscribers with these external ids, at most `limit`."""
    return [row["id"] for row in await connection.fetch(NAMED, site, list(values), limit)]


async def find_meeting(
    connection: Connection, site: int, condition: Condition | None, limit: int
) -> list[int]:
    """Return the numbers of active subscribers who meet a condition, at most `limit`; None is everyone."""
    parameters = Parameters((site, limit))
    statement = _meeting(condition_sql(condition, parameters))
    return [row["id"] for row in await connection.fetch(statement, *parameters.values)]


def _meeting(condition: str) -> str:
    return f"""
        SELECT s.id FROM subscriber AS s
        WHERE s.site = $1 AND s.status = 'active' AND {condition} ORDER BY s.id LIMIT $2
    """  # noqa: S608 - the condition is made of parameters alone


async def size_of(connection: Connection, site: int, condition: Condition | None) -> Size:
    """Count a site's active subscribers who meet a condition.

    Numbers are random and spread evenly below 2^53. So where the one behind the last that is counted stands
    tells how many there are: with 10,000 counted, within some 2 % in 19 cases of 20.
    """
    found = await find_meeting(connection, site, condition, EXACT_MAX + 1)
    if len(found) <= EXACT_MAX:
        return Size(len(found), exact=True)
    return Size(round(EXACT_MAX * SUBSCRIBER_END / found[-1]), exact=False)
