"""Pictures: kept once, served to anybody, made by those alone who may send."""

import pytest

from campaigns.model.problems import ForbiddenError, InvalidError, NotFoundError
from campaigns.model.scope import Permission
from campaigns.operations.pictures import get_picture, keep_picture
from tests.campaigns.operations.support import make_account

PNG = b"\x89PNG\r\n\x1a\n..."


async def test_a_picture_is_served_from_where_it_is_kept(database, scope, service):
    url = await keep_picture(scope, service, PNG, "icon")
    other = await make_account(database)
    assert await keep_picture(other, service, PNG, "icon") == url, "the same one has the same URL"
    base, _, digest = url.rpartition("/i/")
    assert base == service.public_url
    assert await get_picture(service, bytes.fromhex(digest)) == ("image/png", PNG)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM picture") == 1


async def test_what_may_not_or_cannot_be(database, scope, service):
    reader = await make_account(database, Permission.READ)
    with pytest.raises(ForbiddenError):
        await keep_picture(reader, service, PNG, "icon")
    with pytest.raises(InvalidError):
        await keep_picture(scope, service, b"<svg/>", "icon")
    with pytest.raises(NotFoundError):
        await get_picture(service, bytes(32))
