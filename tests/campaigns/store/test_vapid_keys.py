"""VAPID keys: a name is taken once in all accounts, and changes are found by their time."""

from datetime import timedelta

from campaigns.store.accounts import add_account
from campaigns.store.vapid_keys import (
    add_vapid_key,
    find_vapid_key,
    reseal_vapid_key,
    vapid_keys_changed,
)

PUBLIC = b"\4" + bytes(64)


async def test_a_key_is_its_account_s(database):
    async with database.transaction() as connection:
        mine, other = await add_account(connection, "Mine"), await add_account(connection, "Other")
        key = await add_vapid_key(connection, mine, name="shop", public=PUBLIC, sealed=b"sealed")
        assert key is not None
        assert (key.public, key.sealed) == (PUBLIC, b"sealed")
        assert await find_vapid_key(connection, mine, "shop") == key
        assert await find_vapid_key(connection, other, "shop") is None
        assert await add_vapid_key(connection, other, name="shop", public=PUBLIC, sealed=b"x") is None
        assert "sealed" not in repr(key)


async def test_changes_are_found(database):
    async with database.transaction() as connection:
        account = await add_account(connection, "Mine")
        keys = [
            await add_vapid_key(connection, account, name=name, public=PUBLIC, sealed=b"") for name in "ab"
        ]
        assert await vapid_keys_changed(connection, keys[0].changed_at) == keys
        assert await vapid_keys_changed(connection, keys[0].changed_at + timedelta(seconds=1)) == []


async def test_a_key_is_sealed_anew(database):
    async with database.transaction() as connection:
        account = await add_account(connection, "Mine")
        await add_vapid_key(connection, account, name="shop", public=PUBLIC, sealed=b"old")
        await reseal_vapid_key(connection, "shop", b"new")
        found = await find_vapid_key(connection, account, "shop")
        assert found is not None
        assert found.sealed == b"new"
