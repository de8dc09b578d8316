import pytest

from campaigns.model.credential import digest_of
from campaigns.model.problems import ConflictError, ForbiddenError, InvalidError, NotFoundError
from campaigns.model.scope import Permission
from campaigns.operations.credentials import (
    CredentialDraft,
    create_credential,
    delete_credential,
    get_credentials,
)
from campaigns.store.credentials import find_credential
from tests.campaigns.operations.support import make_account


async def test_a_credential_is_found_by_its_token_alone(database, scope, service, site):
    draft = CredentialDraft(scopes=("read", "send"), site=site.id, name="ci", rate=60)
    issued = await create_credential(scope, service, draft)
    assert issued.token.startswith("pm_")
    assert issued.token not in repr(issued)
    async with database.connection() as connection:
        assert await find_credential(connection, digest_of(issued.token)) == issued.credential
        stored = await connection.fetchval("SELECT c::text FROM credential AS c")
    assert issued.token not in stored
    assert issued.credential.scope.scopes == {Permission.READ, Permission.SEND}
    assert issued.credential.scope.site == site.id


async def test_a_token_that_a_customers_code_holds_is_taken_over_once(scope, service):
    draft = CredentialDraft(scopes=("read",), token="0123456789abcdef")
    assert (await create_credential(scope, service, draft)).token == "0123456789abcdef"
    with pytest.raises(ConflictError):
        await create_credential(scope, service, draft)
    with pytest.raises(InvalidError, match="token"):
        await create_credential(scope, service, CredentialDraft(scopes=("read",), token="short"))


async def test_credentials_are_listed_and_revoked(scope, service):
    first, second = [
        (await create_credential(scope, service, CredentialDraft(scopes=("read",)))).credential
        for _ in range(2)
    ]
    assert (await get_credentials(scope, service, 0, 9)).items == [first, second]
    await delete_credential(scope, service, first.id)
    assert (await get_credentials(scope, service, 0, 9)).items == [second]
    with pytest.raises(NotFoundError):
        await delete_credential(scope, service, first.id)


async def test_another_accounts_site_and_credential_are_not_there(database, scope, service, site):
    other = await make_account(database)
    issued = await create_credential(scope, service, CredentialDraft(scopes=("read",)))
    with pytest.raises(NotFoundError, match="site"):
        await create_credential(other, service, CredentialDraft(scopes=("read",), site=site.id))
    with pytest.raises(NotFoundError):
        await delete_credential(other, service, issued.credential.id)
    assert (await get_credentials(other, service, 0, 9)).items == []


async def test_only_an_administrator_makes_credentials(database, service):
    everything_else = await make_account(database, *(set(Permission) - {Permission.ADMIN}))
    with pytest.raises(ForbiddenError, match="admin"):
        await create_credential(everything_else, service, CredentialDraft(scopes=("read",)))
    with pytest.raises(ForbiddenError):
        await get_credentials(everything_else, service, 0, 9)
