"""Credentials: made with a token that is shown once, listed, revoked."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from campaigns.model.credential import (
    TOKEN_MAX,
    TOKEN_RANDOM_BYTES,
    Credential,
    CredentialKind,
    credential_problems,
    digest_of,
    new_token,
)
from campaigns.model.problems import ConflictError, NotFoundError, invalid, reject
from campaigns.model.scope import Permission, Scope
from campaigns.operations.finding import the_site
from campaigns.operations.service import Page, Service, page_of
from campaigns.store.credentials import add_credential, list_credentials, revoke_credential


class CredentialDraft(Struct, frozen=True, kw_only=True):
    """A credential that is to be made.

    Attributes:
        kind: Whose API it is for.
        scopes: What it may do.
        site: The only site that it is for; None for all of the account's.
        name: For people.
        rate: Requests a minute; None for its API's default.
        expires_at: When it ends, if it does.
        token: One that a customer's code holds already; None: one is made.
    """

    kind: CredentialKind = CredentialKind.OWN
    scopes: tuple[str, ...]
    site: int | None = None
    name: str = ""
    rate: int | None = None
    expires_at: datetime | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"CredentialDraft({self.kind})"


class IssuedCredential(Struct, frozen=True):
    """A credential, and its token, which is told this once."""

    credential: Credential
    token: str

    def __repr__(self) -> str:
        return f"IssuedCredential({self.credential.id})"


async def create_credential(scope: Scope, service: Service, draft: CredentialDraft) -> IssuedCredential:
    """Make a credential.

    Raises:
        ForbiddenError: The one that is shown may not.
        InvalidError: Something about it is wrong.
        NotFoundError: There is no such site.
        ConflictError: Its token is a credential already.
    """
    scope.require(Permission.ADMIN)
    reject(credential_problems(draft.name, draft.scopes, draft.rate))
    if draft.token is not None and not 16 <= len(draft.token) <= TOKEN_MAX:
        raise invalid("token", f"must have from 16 to {TOKEN_MAX} characters")
    token = draft.token or new_token(draft.kind, service.random(TOKEN_RANDOM_BYTES))
    async with service.begin() as connection:
        site = draft.site if draft.site is not None else scope.site
        if site is not None:
            await the_site(connection, scope, site)
        added = await add_credential(
            connection,
            scope.account,
            site=site,
            kind=draft.kind,
            name=draft.name,
            scopes=_permissions(draft.scopes),
            digest=digest_of(token),
            rate=draft.rate,
            expires_at=draft.expires_at,
        )
    if added is None:
        raise ConflictError("This token is a credential already; give another one.")
    return IssuedCredential(added, token)


def _permissions(scopes: Iterable[str]) -> list[Permission]:
    return [Permission(scope) for scope in scopes]


async def get_credentials(scope: Scope, service: Service, after: int, limit: int) -> Page[Credential]:
    """List credentials by number, beginning behind `after`.

    Raises:
        ForbiddenError: The one that is shown may not.
    """
    scope.require(Permission.ADMIN)
    async with service.begin() as connection:
        found = await list_credentials(connection, scope, after, limit + 1)
    return page_of(found, limit, lambda each: each.id)


async def delete_credential(scope: Scope, service: Service, number: int) -> None:
    """Revoke a credential, and the access tokens given for it.

    Raises:
        ForbiddenError: The one that is shown may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.ADMIN)
    async with service.begin() as connection:
        if not await revoke_credential(connection, scope, number):
            raise NotFoundError("credential")
