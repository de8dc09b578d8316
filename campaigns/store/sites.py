"""Sites."""

from campaigns.model.scope import Scope
from campaigns.model.site import NewSite, Site
from campaigns.store.database import Connection
from campaigns.store.rows import read, read_all

ADD = """
INSERT INTO site (account, url, origins, redirect_origins, name, zone, vapid_key, identity_secret, defaults)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING *
"""
FIND = "SELECT * FROM site WHERE id = $1 AND account = $2 AND ($3::bigint IS NULL OR id = $3)"
FIND_ANY = "SELECT * FROM site WHERE id = $1"
LIST = """
SELECT * FROM site WHERE account = $1 AND ($2::bigint IS NULL OR id = $2) AND id > $3 ORDER BY id LIMIT $4
"""
LIST_BY_OFFSET = """
SELECT * FROM site WHERE account = $1 AND ($2::bigint IS NULL OR id = $2) ORDER BY id OFFSET $3 LIMIT $4
"""
COUNT = "SELECT count(*) FROM site WHERE account = $1 AND ($2::bigint IS NULL OR id = $2)"
REPLACE = """
UPDATE site SET url = $3, origins = $4, redirect_origins = $5, name = $6, zone = $7, vapid_key = $8,
    identity_secret = $9, defaults = $10
WHERE id = $1 AND account = $2
"""
OF_PAGES = "SELECT * FROM site WHERE account = $1 AND $2 = ANY (origins) ORDER BY id LIMIT 1"


async def add_site(connection: Connection, account: int, site: NewSite) -> Site:
    """Add a site to an account; its VAPID key must be there."""
    [row] = await connection.fetch(ADD, account, *_columns(site))
    return read(row, Site)


async def find_site(connection: Connection, scope: Scope, number: int) -> Site | None:
    """Find a site within a scope."""
    row = await connection.fetchrow(FIND, number, scope.account, scope.site)
    return None if row is None else read(row, Site)


async def find_any_site(connection: Connection, number: int) -> Site | None:
    """Find a site for a browser, which shows no credential: all that it may see is public."""
    row = await connection.fetchrow(FIND_ANY, number)
    return None if row is None else read(row, Site)


async def list_sites(connection: Connection, scope: Scope, after: int, limit: int) -> list[Site]:
    """List the sites within a scope, by number, beginning behind `after`."""
    return read_all(await connection.fetch(LIST, scope.account, scope.site, after, limit), Site)


async def list_sites_by_offset(connection: Connection, scope: Scope, offset: int, limit: int) -> list[Site]:
    """List the sites within a scope by number, passing over `offset` of them."""
    return read_all(await connection.fetch(LIST_BY_OFFSET, scope.account, scope.site, offset, limit), Site)


async def count_sites(connection: Connection, scope: Scope) -> int:
    """Count the sites within a scope."""
    number: int = await connection.fetchval(COUNT, scope.account, scope.site)
    return number


async def replace_site(connection: Connection, site: Site) -> None:
    """Write a site as it is now."""
    await connection.execute(REPLACE, site.id, site.account, *_columns(site))


async def find_site_of_pages(connection: Connection, account: int, origin: str) -> Site | None:
    """Find the first of an account's sites that pages of an origin may subscribe to."""
    row = await connection.fetchrow(OF_PAGES, account, origin)
    return None if row is None else read(row, Site)


def _columns(site: NewSite) -> tuple[object, ...]:
    return (
        *(site.url, site.origins, site.redirect_origins, site.name, site.zone, site.vapid_key),
        *(site.identity_secret, site.defaults),
    )
