"""Credentials: looked up by the digest of a token, which itself is kept nowhere."""

from collections.abc import Iterable
from datetime import datetime

from campaigns.model.credential import Credential, CredentialKind
from campaigns.model.scope import Permission, Scope
from campaigns.store.database import Connection
from campaigns.store.rows import read, read_all

ADD = """
INSERT INTO credential (account, site, kind, name, scopes, rate, digest, parent, expires_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
WHERE $2::bigint IS NULL OR EXISTS (SELECT FROM site WHERE id = $2 AND account = $1)
ON CONFLICT (digest) DO NOTHING
RETURNING *
"""
FIND = "SELECT * FROM credential WHERE digest = $1"
# Whoever revokes it waits until the access token is there, and then deletes both.
FIND_FOR_ACCESS = """
SELECT * FROM credential WHERE digest = $1 AND kind = $2 AND parent IS NULL FOR KEY SHARE
"""
LIST = """
SELECT * FROM credential
WHERE account = $1 AND ($2::bigint IS NULL OR site = $2) AND parent IS NULL AND id > $3 ORDER BY id LIMIT $4
"""
REVOKE = (
    "DELETE FROM credential WHERE id = $1 AND account = $2 AND ($3::bigint IS NULL OR site = $3) RETURNING id"
)
DELETE_ENDED = """
DELETE FROM credential WHERE id = ANY (ARRAY(
    SELECT id FROM credential WHERE parent IS NOT NULL AND expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
))
"""


async def add_credential(
    connection: Connection,
    account: int,
    *,
    site: int | None,
    kind: CredentialKind,
    name: str,
    scopes: Iterable[Permission],
    digest: bytes,
    rate: int | None = None,
    parent: int | None = None,
    expires_at: datetime | None = None,
) -> Credential | None:
    """Add a credential; None if its token is one already, or the site is not the account's.

    Args:
        connection: A connection.
        account: Whose it is.
        site: The only site that it is for; None for all of the account's.
        kind: Whose API it is for.
        name: For people.
        scopes: What it may do.
        digest: SHA-256 of the token.
        rate: Requests a minute; None for its API's default.
        parent: The credential that this access token is given for.
        expires_at: When it ends, if it does.
    """
    row = await connection.fetchrow(
        *(ADD, account, site, kind, name, sorted(scopes), rate, digest, parent, expires_at)
    )
    return None if row is None else read(row, Credential)


async def find_credential(connection: Connection, digest: bytes) -> Credential | None:
    """Find whose a token is by its SHA-256; whether it has ended is for the caller to decide."""
    row = await connection.fetchrow(FIND, digest)
    return None if row is None else read(row, Credential)


async def find_credential_for_access(
    connection: Connection, kind: CredentialKind, digest: bytes
) -> Credential | None:
    """Find the credential that an access token is asked for with, and keep it until the transaction ends."""
    row = await connection.fetchrow(FIND_FOR_ACCESS, digest, kind)
    return None if row is None else read(row, Credential)


async def list_credentials(connection: Connection, scope: Scope, after: int, limit: int) -> list[Credential]:
    """List the credentials within a scope, without access tokens, by number, beginning behind `after`."""
    return read_all(await connection.fetch(LIST, scope.account, scope.site, after, limit), Credential)


async def revoke_credential(connection: Connection, scope: Scope, number: int) -> bool:
    """Delete a credential and the access tokens given for it; False if there is none within the scope."""
    return await connection.fetchval(REVOKE, number, scope.account, scope.site) is not None


async def delete_ended_access_tokens(connection: Connection, now: datetime, limit: int) -> int:
    """Delete access tokens that have ended, at most so many; return how many."""
    return int((await connection.execute(DELETE_ENDED, now, limit)).rpartition(" ")[2])
