"""Browsers by the names that they, or their push services, have for them."""

from collections.abc import Iterable

from campaigns.store.database import Connection
from campaigns.store.subscribers import digest_of

NAMED = """
SELECT subscriber FROM subscriber_key WHERE site = $1 AND kind = 'hwid' AND value = ANY($2::text[])
UNION
SELECT subscriber FROM subscriber_endpoint WHERE site = $1 AND digest = ANY($3::bytea[])
ORDER BY subscriber
"""


async def find_named_devices(connection: Connection, site: int, names: Iterable[str]) -> list[int]:
    """Return the numbers of a site's subscribers with these hwids or endpoints, each once."""
    given = list(names)
    digests = [digest_of(name) for name in given]
    return [row["subscriber"] for row in await connection.fetch(NAMED, site, given, digests)]
