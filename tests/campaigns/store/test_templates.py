"""Templates: a name once in a site, and never another account's."""

import asyncio
from datetime import timedelta

import msgspec

from campaigns.store.templates import (
    add_template,
    delete_template,
    find_template,
    list_templates,
    replace_template,
)
from tests.campaigns.store.support import NOON, make_site, scope_of, until_somebody_waits
from worker.records.notification import Notification

ONE = Notification("Sale", "https://shop.example", data={"a": [1]})
OTHER = Notification("Other", "https://shop.example", timestamp=NOON)


async def test_a_template_is_read_as_it_was_written(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        made = await add_template(connection, site.id, "Shoes", ONE)
        assert made is not None
        assert (made.name, made.content) == ("Shoes", ONE)
        later = made.updated_at + timedelta(seconds=1)
        changed = msgspec.structs.replace(made, name="Boots", content=OTHER, updated_at=later)
        assert await replace_template(connection, changed)
        assert await find_template(connection, scope_of(site.account), made.id) == changed


async def test_a_name_is_taken_once_in_a_site(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        first = await add_template(connection, site.id, "Shoes", ONE)
        assert await add_template(connection, site.id, "Shoes", ONE) is None
        assert await add_template(connection, other.id, "Shoes", ONE) is not None
        second = await add_template(connection, site.id, "Boots", ONE)
        assert not await replace_template(connection, msgspec.structs.replace(second, name="Shoes"))
        assert await replace_template(connection, msgspec.structs.replace(first, content=OTHER))


async def test_of_two_who_take_a_name_at_once_one_is_told_that_it_is_taken(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        made = [await add_template(connection, site.id, name, ONE) for name in "ab"]
    renamed = [msgspec.structs.replace(each, name="Shoes") for each in made]

    async def rename_second():
        async with database.transaction() as other:
            # The transaction goes on: whatever else is in it can still be kept.
            return await replace_template(other, renamed[1]), await other.fetchval("SELECT 1")

    async with database.transaction() as connection:
        assert await replace_template(connection, renamed[0])
        waiting = asyncio.create_task(rename_second())
        await until_somebody_waits(database)
    assert await waiting == (False, 1)


async def test_templates_are_listed_and_deleted(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        made = [await add_template(connection, site.id, name, ONE) for name in "cab"]
        assert await list_templates(connection, site.id, -1, 2) == made[:2]
        assert await list_templates(connection, site.id, made[1].id, 2) == made[2:]
        assert await list_templates(connection, other.id, -1, 2) == []
        await delete_template(connection, made[0])
        assert await list_templates(connection, site.id, -1, 2) == made[1:]


async def test_another_account_s_template_is_not_there(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        beside = await make_site(connection, site.account)
        made = await add_template(connection, site.id, "Shoes", ONE)
        for scope in (scope_of(other.account), scope_of(site.account, beside.id)):
            assert await find_template(connection, scope, made.id) is None
        assert await find_template(connection, scope_of(site.account, site.id), made.id) == made
