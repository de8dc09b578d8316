"""The registry of attributes: a site's names, their types, and how long their values are at most."""

from collections.abc import Mapping

from campaigns.model.attribute import Attribute, Seen
from campaigns.store.database import Connection
from campaigns.store.rows import read_all

# Most values are no news: those rows are only read, so that subscribers do not queue on them.
REGISTER = """
INSERT INTO attribute (site, name, type, longest)
SELECT $1, name, type, longest
FROM unnest($2::text[], $3::text[], $4::integer[]) AS seen (name, type, longest)
WHERE NOT EXISTS (
    SELECT FROM attribute WHERE site = $1 AND attribute.name = seen.name AND attribute.longest >= seen.longest
)
ORDER BY name
ON CONFLICT (site, name) DO UPDATE SET longest = greatest(attribute.longest, excluded.longest)
"""
LIST = "SELECT * FROM attribute WHERE site = $1 ORDER BY name"


async def register_attributes(connection: Connection, site: int, seen: Mapping[str, Seen]) -> None:
    """Note what was seen of attributes; the first type that one has stays."""
    names = sorted(seen)
    types, longest = [seen[name].type for name in names], [seen[name].longest for name in names]
    await connection.execute(REGISTER, site, names, types, longest)


async def list_attributes(connection: Connection, site: int) -> list[Attribute]:
    """List a site's attributes by name."""
    return read_all(await connection.fetch(LIST, site), Attribute)
