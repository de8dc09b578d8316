"""The registry of attributes: the first type stays, the longest value grows, and no news writes nothing."""

from campaigns.model.attribute import Seen, Type
from campaigns.store.attributes import list_attributes, register_attributes
from tests.campaigns.store.support import make_site


async def test_what_was_seen_is_kept(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        for seen in (
            {"plan": Seen(Type.TEXT, 5), "age": Seen(Type.NUMBER, 2)},
            {"plan": Seen(Type.NUMBER, 3), "age": Seen(Type.NUMBER, 3)},
        ):
            await register_attributes(connection, site.id, seen)
        found = await list_attributes(connection, site.id)
        assert [(each.name, each.type, each.longest) for each in found] == [
            ("age", Type.NUMBER, 3),
            ("plan", Type.TEXT, 5),
        ]
        assert await list_attributes(connection, other.id) == []


async def test_what_is_no_news_writes_no_row(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        for _ in range(2):
            await register_attributes(connection, site.id, {"plan": Seen(Type.TEXT, 5)})
        versions = "SELECT xmin::text || ctid::text FROM attribute"
        before = await connection.fetchval(versions)
        await register_attributes(connection, site.id, {"plan": Seen(Type.TEXT, 4)})
        assert await connection.fetchval(versions) == before
