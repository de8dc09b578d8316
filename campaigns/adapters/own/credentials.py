"""Credentials in the words of the own API: made with a key that is shown once, listed, revoked."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from campaigns.adapters.own.lists import ListAnswer, ListQuery, list_answer
from campaigns.adapters.own.wire import Answer, CredentialId, Request, SiteId, read_id
from campaigns.adapters.routes import Call
from campaigns.model.credential import Credential, CredentialKind
from campaigns.model.ids import Kind, spell
from campaigns.model.scope import Permission
from campaigns.operations import credentials as operations
from campaigns.operations.credentials import CredentialDraft

ExpiresAt = Annotated[datetime, Meta(tz=True)]


class CredentialRequest(Request, frozen=True, kw_only=True):
    """A new credential.

    Attributes:
        scopes: What it may do.
        kind: Whose API it is for.
        site: The only site that it is for; by default all of the account's.
        name: For people.
        rate: Requests a minute; by default as its API has.
        expires_at: When it ends, if it does.
    """

    scopes: tuple[Permission, ...]
    kind: CredentialKind = CredentialKind.OWN
    site: SiteId | None = None
    name: str = ""
    rate: int | None = None
    expires_at: ExpiresAt | None = None


class CredentialAnswer(Answer, frozen=True, kw_only=True):
    """A credential, without its key."""

    id: CredentialId
    kind: CredentialKind
    site: SiteId | None
    name: str
    scopes: list[Permission]
    rate: int | None
    created_at: datetime
    expires_at: datetime | None


class NewCredentialAnswer(CredentialAnswer, frozen=True, kw_only=True):
    """A credential that was made.

    Attributes:
        secret: The key. It is told this once, and kept nowhere.
    """

    secret: str

    def __repr__(self) -> str:
        return f"NewCredentialAnswer({self.id!r})"


async def create(call: Call[Any, CredentialRequest]) -> NewCredentialAnswer:
    """Make a credential."""
    body = call.body
    draft = CredentialDraft(
        kind=body.kind,
        scopes=body.scopes,
        site=None if body.site is None else read_id(Kind.SITE, body.site, "site"),
        name=body.name,
        rate=body.rate,
        expires_at=body.expires_at,
    )
    issued = await operations.create_credential(call.caller, call.service, draft)
    return NewCredentialAnswer(**_fields(issued.credential), secret=issued.token)


async def list_all(call: Call[ListQuery, None]) -> ListAnswer[CredentialAnswer]:
    """List credentials."""
    page = await operations.get_credentials(call.caller, call.service, call.query.after, call.query.limit)
    return list_answer(page, credential_answer)


async def delete(call: Call[Any, None]) -> None:
    """Revoke a credential."""
    await operations.delete_credential(call.caller, call.service, call.parameters["credential"])


def credential_answer(credential: Credential) -> CredentialAnswer:
    """Say a credential, without its key."""
    return CredentialAnswer(**_fields(credential))


def _fields(credential: Credential) -> dict[str, Any]:
    return {
        "id": spell(Kind.CREDENTIAL, credential.id),
        "kind": credential.kind,
        "site": None if credential.site is None else spell(Kind.SITE, credential.site),
        "name": credential.name,
        "scopes": sorted(credential.scopes),
        "rate": credential.rate,
        "created_at": credential.created_at,
        "expires_at": credential.expires_at,
    }
