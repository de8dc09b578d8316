"""Aliases: a platform's text is one account's, and stands for one id."""

from campaigns.store.accounts import add_account
from campaigns.store.aliases import add_alias, aliases_of, find_alias

SITE = {"platform": "pushwoosh", "kind": "site"}


async def test_a_text_stands_for_a_number(database):
    async with database.transaction() as connection:
        mine, other = await add_account(connection, "Mine"), await add_account(connection, "Other")
        assert await add_alias(connection, mine, **SITE, text="AAAAA-BBBBB", number=7)
        assert await find_alias(connection, mine, **SITE, text="AAAAA-BBBBB") == 7
        assert await aliases_of(connection, mine, **SITE, numbers=[7, 8]) == {7: "AAAAA-BBBBB"}
        assert await find_alias(connection, other, **SITE, text="AAAAA-BBBBB") is None
        assert await aliases_of(connection, other, **SITE, numbers=[7]) == {}
        assert await find_alias(connection, mine, **SITE | {"kind": "segment"}, text="AAAAA-BBBBB") is None


async def test_another_account_cannot_take_it(database):
    async with database.transaction() as connection:
        mine, other = await add_account(connection, "Mine"), await add_account(connection, "Other")
        await add_alias(connection, mine, **SITE, text="1", number=7)
        assert not await add_alias(connection, other, **SITE, text="1", number=8)
        assert await add_alias(connection, mine, **SITE, text="1", number=9)
        assert await find_alias(connection, mine, **SITE, text="1") == 9
