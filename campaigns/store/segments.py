"""Segments."""

import asyncpg

from campaigns.model.condition import Condition, condition_tree, parse_condition
from campaigns.model.scope import Scope
from campaigns.model.segment import Segment
from campaigns.store.database import Connection, Row

ADD = """
INSERT INTO segment (site, name, condition) VALUES ($1, $2, $3)
ON CONFLICT (site, name) DO NOTHING
RETURNING *
"""
FIND = """
SELECT segment.* FROM segment JOIN site ON site.id = segment.site
WHERE segment.id = $1 AND site.account = $2 AND ($3::bigint IS NULL OR site.id = $3)
"""
FIND_NAMED = "SELECT * FROM segment WHERE site = $1 AND name = $2"
LIST = "SELECT * FROM segment WHERE site = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4"
REPLACE = """
UPDATE segment SET name = $3, condition = $4, updated_at = $5
WHERE id = $1 AND site = $2
"""
DELETE = "DELETE FROM segment WHERE id = $1 AND site = $2"


async def add_segment(connection: Connection, site: int, name: str, condition: Condition) -> Segment | None:
    """Add a segment; None if its name is taken."""
    row = await connection.fetchrow(ADD, site, name, condition_tree(condition))
    return None if row is None else _segment(row)


async def find_segment(connection: Connection, scope: Scope, number: int) -> Segment | None:
    """Find a segment within a scope."""
    row = await connection.fetchrow(FIND, number, scope.account, scope.site)
    return None if row is None else _segment(row)


async def find_segment_named(connection: Connection, site: int, name: str) -> Segment | None:
    """Find a site's segment by its name."""
    row = await connection.fetchrow(FIND_NAMED, site, name)
    return None if row is None else _segment(row)


async def list_segments(
    connection: Connection, site: int, after: int, limit: int, *, offset: int = 0
) -> list[Segment]:
    """List a site's segments by number, beginning behind `after`, and passing over `offset` of them."""
    return [_segment(row) for row in await connection.fetch(LIST, site, after, limit, offset)]


async def replace_segment(connection: Connection, segment: Segment) -> bool:
    """Write a segment as it is now; False if its name is taken."""
    tree = condition_tree(segment.condition)
    columns = (segment.id, segment.site, segment.name, tree, segment.updated_at)
    try:
        async with connection.transaction():  # what else is in the caller's transaction can be kept
            await connection.execute(REPLACE, *columns)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def delete_segment(connection: Connection, segment: Segment) -> None:
    """Delete a segment; campaigns that name it are refused when they are launched."""
    await connection.execute(DELETE, segment.id, segment.site)


def _segment(row: Row) -> Segment:
    columns = dict(row)
    return Segment(**columns | {"condition": parse_condition(columns["condition"])})
