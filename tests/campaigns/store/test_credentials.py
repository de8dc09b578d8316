"""Credentials: found by digest, listed by account, and gone with all that was given for them."""

from datetime import timedelta

from campaigns.model.credential import CredentialKind, digest_of
from campaigns.model.scope import Permission
from campaigns.store.accounts import add_account
from campaigns.store.credentials import (
    add_credential,
    delete_ended_access_tokens,
    find_credential,
    list_credentials,
    revoke_credential,
)
from tests.campaigns.store.support import NOON, make_site, scope_of

SCOPES = frozenset({Permission.READ, Permission.SEND})


async def add(connection, account, token, **fields):
    there = {"site": None, "kind": CredentialKind.OWN, "name": "Shop", "scopes": SCOPES}
    return await add_credential(connection, account, digest=digest_of(token), **there | fields)


async def test_a_credential_is_found_by_its_token(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        made = await add(connection, site.account, "pm_1", site=site.id, rate=60, expires_at=NOON)
        assert made is not None
        assert (made.site, made.scopes, made.rate, made.expires_at) == (site.id, SCOPES, 60, NOON)
        assert await find_credential(connection, digest_of("pm_1")) == made
        assert await find_credential(connection, digest_of("pm_2")) is None


async def test_a_token_is_taken_once(database):
    async with database.transaction() as connection:
        mine, other = await add_account(connection, "Mine"), await add_account(connection, "Other")
        assert await add(connection, mine, "pm_1") is not None
        assert await add(connection, other, "pm_1") is None


async def test_a_credential_for_another_account_s_site_is_not_made(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        other = await add_account(connection, "Other")
        assert await add(connection, other, "pm_1", site=site.id) is None
        assert await find_credential(connection, digest_of("pm_1")) is None


async def test_access_tokens_go_with_their_credential(database):
    async with database.transaction() as connection:
        mine, other = await add_account(connection, "Mine"), await add_account(connection, "Other")
        parent = await add(connection, mine, "secret")
        await add(connection, mine, "access", parent=parent.id)
        assert await list_credentials(connection, scope_of(mine), -1, 10) == [parent]
        assert not await revoke_credential(connection, scope_of(other), parent.id)
        assert await find_credential(connection, digest_of("access")) is not None
        assert await revoke_credential(connection, scope_of(mine), parent.id)
        assert await find_credential(connection, digest_of("access")) is None


async def test_access_tokens_that_have_ended_are_deleted(database):
    async with database.transaction() as connection:
        account = await add_account(connection, "Mine")
        client = await add(connection, account, "client", expires_at=NOON)
        await add(connection, account, "old", parent=client.id, expires_at=NOON)
        new = await add(connection, account, "new", parent=client.id, expires_at=NOON + timedelta(hours=1))
        assert await delete_ended_access_tokens(connection, NOON + timedelta(minutes=1), 10) == 1
        left = await connection.fetch("SELECT id FROM credential ORDER BY id")
        assert [row["id"] for row in left] == [client.id, new.id]
