"""What browsers name without a credential: launches by a push's token, pictures by their hash."""

from typing import NamedTuple

from campaigns.model.launch import Launch
from campaigns.store.database import Connection
from campaigns.store.launches import read_launch

FIND_LAUNCH = "SELECT * FROM launch WHERE id = $1"
FIND_PICTURE = "SELECT media_type, bytes FROM picture WHERE hash = $1"


class Picture(NamedTuple):
    """A picture that was uploaded.

    Attributes:
        media_type: As it was found to be.
        body: Its bytes.
    """

    media_type: str
    body: bytes


async def find_reported_launch(connection: Connection, number: int) -> Launch | None:
    """Find the launch that a push's token names. The token is its own proof."""
    row = await connection.fetchrow(FIND_LAUNCH, number)
    return None if row is None else read_launch(row)


async def find_picture(connection: Connection, digest: bytes) -> Picture | None:
    """Find a picture by the SHA-256 of its bytes. Notifications name it, so it is public."""
    row = await connection.fetchrow(FIND_PICTURE, digest)
    return None if row is None else Picture(*row)
