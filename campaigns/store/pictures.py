"""Pictures that were uploaded, by the SHA-256 of their bytes: the same one is kept once."""

from hashlib import sha256

from campaigns.model.picture import Picture
from campaigns.store.database import Connection

ADD = """
INSERT INTO picture (hash, account, media_type, bytes) VALUES ($1, $2, $3, $4) ON CONFLICT (hash) DO NOTHING
"""
FIND = "SELECT media_type, bytes FROM picture WHERE hash = $1"


async def add_picture(connection: Connection, account: int, picture: Picture) -> bytes:
    """Keep a picture, and return the SHA-256 of its bytes."""
    digest = sha256(picture.body).digest()
    await connection.execute(ADD, digest, account, picture.media_type, picture.body)
    return digest


async def find_picture(connection: Connection, digest: bytes) -> Picture | None:
    """Find a picture by the SHA-256 of its bytes. Notifications name it, so it is public."""
    row = await connection.fetchrow(FIND, digest)
    return None if row is None else Picture(*row)
