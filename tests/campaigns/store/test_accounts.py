"""Accounts: the first one is made once, whoever needs it."""

import asyncio

from campaigns.store.accounts import add_account, first_account


async def test_the_first_account_is_made_once(database):
    async def ask():
        async with database.transaction() as connection:
            return await first_account(connection)

    [first] = {*await asyncio.gather(*(ask() for _ in range(5)))}
    async with database.connection() as connection:
        assert await add_account(connection, "Another") != first
        assert await first_account(connection) == first
