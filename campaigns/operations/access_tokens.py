"""Access tokens: what a client gets for its credential, and shows instead of it for an hour."""

from datetime import datetime

from campaigns.model.credential import (
    OWN_RANDOM_BYTES,
    TOKEN_MAX,
    CredentialKind,
    access_token,
    digest_of,
)
from campaigns.operations.credentials import IssuedCredential
from campaigns.operations.service import Service
from campaigns.store.credentials import add_credential, find_credential_for_access


async def issue_access_token(
    service: Service, kind: CredentialKind, token: str, now: datetime
) -> IssuedCredential | None:
    """Give an access token for a credential: it may do as much, and ends with it.

    Args:
        service: What operations need.
        kind: Whose API the credential must be for.
        token: The credential's own token. It is all the proof there is, so no scope comes with it.
        now: The moment.

    Returns:
        None if the token is not that of a credential, or that has ended.
    """
    if len(token) > TOKEN_MAX:
        return None
    async with service.begin() as connection:
        found = await find_credential_for_access(connection, kind, digest_of(token))
        if found is None or not found.is_valid(now):
            return None
        issued = access_token(service.random(OWN_RANDOM_BYTES))
        added = await add_credential(
            connection,
            found.account,
            site=found.site,
            kind=kind,
            name=found.name,
            scopes=found.scopes,
            digest=digest_of(issued),
            rate=found.rate,
            parent=found.id,
            expires_at=found.access_ends_at(now),
        )
    if added is None:
        raise AssertionError("the same random bytes have come twice")
    return IssuedCredential(added, issued)
