"""VAPID keys: the public one, and the private one as it is sealed under the service's secret."""

from datetime import datetime

from msgspec import Struct

from campaigns.store.database import Connection
from campaigns.store.rows import read, read_all

ADD = """
INSERT INTO vapid_key (name, account, public, sealed) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO NOTHING
RETURNING *
"""
FIND = "SELECT * FROM vapid_key WHERE name = $1 AND account = $2"
CHANGED = "SELECT * FROM vapid_key WHERE changed_at >= $1 ORDER BY changed_at, name"
NEWEST = "SELECT * FROM vapid_key ORDER BY changed_at DESC LIMIT $1"
RESEAL = "UPDATE vapid_key SET sealed = $2 WHERE name = $1"


class VapidKey(Struct, frozen=True, kw_only=True):
    """A key pair.

    Attributes:
        name: That of its file at the worker, so once in all accounts.
        account: Whose it is.
        public: 65 bytes, a point on P-256.
        sealed: The private key, sealed.
        changed_at: When it was made.
    """

    name: str
    account: int
    public: bytes
    sealed: bytes
    changed_at: datetime

    def __repr__(self) -> str:
        return f"VapidKey({self.name!r})"


async def add_vapid_key(
    connection: Connection, account: int, *, name: str, public: bytes, sealed: bytes
) -> VapidKey | None:
    """Add a key; None if its name is taken, by whatever account."""
    row = await connection.fetchrow(ADD, name, account, public, sealed)
    return None if row is None else read(row, VapidKey)


async def find_vapid_key(connection: Connection, account: int, name: str) -> VapidKey | None:
    """Find a key of an account."""
    row = await connection.fetchrow(FIND, name, account)
    return None if row is None else read(row, VapidKey)


async def vapid_keys_changed(connection: Connection, since: datetime) -> list[VapidKey]:
    """List what every account has added since a moment, in that order, for whoever writes the worker's files.

    A key gets its time before it can be seen: ask for some time before the newest one that you know.
    """
    return read_all(await connection.fetch(CHANGED, since), VapidKey)


async def newest_vapid_keys(connection: Connection, number: int) -> list[VapidKey]:
    """List the newest keys of all accounts, at most so many."""
    return read_all(await connection.fetch(NEWEST, number), VapidKey)


async def reseal_vapid_key(connection: Connection, name: str, sealed: bytes) -> None:
    """Replace how a private key is sealed; the key stays the same."""
    await connection.execute(RESEAL, name, sealed)
