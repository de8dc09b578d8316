"""The launch that a push's token names: browsers show no credential."""

from campaigns.model.launch import Launch
from campaigns.store.database import Connection
from campaigns.store.launches import read_launch

FIND_LAUNCH = "SELECT * FROM launch WHERE id = $1"


async def find_reported_launch(connection: Connection, number: int) -> Launch | None:
    """Find the launch that a push's token names. The token is its own proof."""
    row = await connection.fetchrow(FIND_LAUNCH, number)
    return None if row is None else read_launch(row)
