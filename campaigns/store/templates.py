"""Templates."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from campaigns.model.scope import Scope
from campaigns.model.template import Template
from campaigns.store.database import Connection
from campaigns.store.rows import read, read_all
from worker.records.notification import Notification

ADD = """
INSERT INTO template (site, name, content, options) VALUES ($1, $2, $3, $4)
ON CONFLICT (site, name) DO NOTHING
RETURNING *
"""
FIND = """
SELECT template.* FROM template JOIN site ON site.id = template.site
WHERE template.id = $1 AND site.account = $2 AND ($3::bigint IS NULL OR site.id = $3)
"""
LIST = "SELECT * FROM template WHERE site = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4"
REPLACE = """
UPDATE template SET name = $3, content = $4, updated_at = $5
WHERE id = $1 AND site = $2
"""
DELETE = "DELETE FROM template WHERE id = $1 AND site = $2"


async def add_template(
    connection: Connection,
    site: int,
    name: str,
    content: Notification,
    options: Mapping[str, Any] | None = None,
) -> Template | None:
    """Add a template; None if its name is taken."""
    row = await connection.fetchrow(ADD, site, name, content, dict(options or {}))
    return None if row is None else read(row, Template)


async def find_template(connection: Connection, scope: Scope, number: int) -> Template | None:
    """Find a template within a scope."""
    row = await connection.fetchrow(FIND, number, scope.account, scope.site)
    return None if row is None else read(row, Template)


async def list_templates(
    connection: Connection, site: int, after: int, limit: int, *, offset: int = 0
) -> list[Template]:
    """List a site's templates by number, beginning behind `after`, and passing over `offset` of them."""
    return read_all(await connection.fetch(LIST, site, after, limit, offset), Template)


async def replace_template(connection: Connection, template: Template) -> bool:
    """Write a template as it is now; False if its name is taken."""
    columns = (template.id, template.site, template.name, template.content, template.updated_at)
    try:
        async with connection.transaction():  # what else is in the caller's transaction can be kept
            await connection.execute(REPLACE, *columns)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def delete_template(connection: Connection, template: Template) -> None:
    """Delete a template; campaigns that began with it keep their content."""
    await connection.execute(DELETE, template.id, template.site)
