"""Access tokens: for whom they are given, what they may do, and that they end with their credential."""

from datetime import timedelta

import pytest

from campaigns.model.credential import CredentialKind, digest_of
from campaigns.operations.access_tokens import issue_access_token
from campaigns.operations.credentials import (
    CredentialDraft,
    create_credential,
    delete_credential,
    get_credentials,
)
from campaigns.store.credentials import find_credential
from tests.campaigns.operations.support import NOW

SENDPULSE = CredentialKind.SENDPULSE


@pytest.fixture
async def client(scope, service, site):
    draft = CredentialDraft(kind=SENDPULSE, scopes=("read", "send"), site=site.id, rate=60)
    return await create_credential(scope, service, draft)


async def test_an_access_token_may_do_what_its_credential_may(database, service, client):
    issued = await issue_access_token(service, SENDPULSE, client.token, NOW)
    async with database.connection() as connection:
        found = await find_credential(connection, digest_of(issued.token))
    assert found == issued.credential
    assert (found.parent, found.kind, found.rate) == (client.credential.id, SENDPULSE, 60)
    assert (found.scope.account, found.scope.site) == (client.credential.account, client.credential.site)
    assert found.scope.scopes == client.credential.scopes
    assert found.expires_at == NOW + timedelta(hours=1)
    assert issued.token not in repr(issued)


async def test_it_ends_with_its_credential(database, scope, service, client):
    issued = await issue_access_token(service, SENDPULSE, client.token, NOW)
    assert (await get_credentials(scope, service, 0, 9)).items == [client.credential], "it is none to list"
    await delete_credential(scope, service, client.credential.id)
    async with database.connection() as connection:
        assert await find_credential(connection, digest_of(issued.token)) is None


async def test_nothing_else_is_given_one(scope, service, client):
    own = await create_credential(scope, service, CredentialDraft(scopes=("read",)))
    ended = CredentialDraft(kind=SENDPULSE, scopes=("read",), expires_at=NOW)
    for token in (
        "",
        "x" * 5_000,
        f"{client.token}x",
        own.token,
        (await create_credential(scope, service, ended)).token,
        (await issue_access_token(service, SENDPULSE, client.token, NOW)).token,
    ):
        assert await issue_access_token(service, SENDPULSE, token, NOW) is None
