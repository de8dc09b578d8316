"""Who is in a target, and how many: exactly while they are few, and then nearly."""

import pytest

from campaigns.model.condition import Comparison, Op
from campaigns.model.subscriber import SubscriberStatus
from campaigns.store import audience
from campaigns.store.audience import Size, find_external_ids, find_meeting, find_numbers, size_of
from tests.campaigns.store.support import make_site, make_subscriber

NEWS = Comparison("tag", Op.EQ, "news")


@pytest.fixture
async def connection(database):
    async with database.transaction() as connection:
        yield connection


async def test_only_active_subscribers_of_the_site_are_found(connection):
    site, other = await make_site(connection), await make_site(connection)
    of_user = {"external_id": "u-1", "tags": ("news",)}
    await make_subscriber(connection, site.id, 1, profile=of_user)
    await make_subscriber(connection, site.id, 2, profile=of_user, status=SubscriberStatus.OFF)
    await make_subscriber(connection, site.id, 3)
    await make_subscriber(connection, other.id, 4, profile=of_user)
    assert await find_numbers(connection, site.id, [4, 3, 2, 1, 9]) == [1, 3]
    assert await find_external_ids(connection, site.id, ["u-1", "u-2"], 9) == [1]
    assert await find_meeting(connection, site.id, NEWS, 9) == [1]
    assert await find_meeting(connection, site.id, None, 9) == [1, 3]
    assert await find_meeting(connection, site.id, None, 1) == [1]
    assert await size_of(connection, site.id, NEWS) == Size(1, exact=True)


FILL = """
INSERT INTO subscriber (id, site, status, tags)
SELECT (random() * 9007199254740991)::bigint, $1, 'active',
    CASE WHEN number % 2 = 0 THEN ARRAY['news'] ELSE '{}' END
FROM generate_series(1, $2) AS number ON CONFLICT DO NOTHING
"""


async def test_many_are_estimated_by_where_they_stand(connection, monkeypatch):
    monkeypatch.setattr(audience, "EXACT_MAX", 1_000)
    site = await make_site(connection)
    await connection.execute("SELECT setseed(0.5)")
    await connection.execute(FILL, site.id, 8_000)
    size = await size_of(connection, site.id, NEWS)
    assert not size.exact
    assert size.subscribers == pytest.approx(4_000, rel=0.15)  # some five standard deviations
