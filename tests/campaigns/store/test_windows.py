from datetime import UTC, datetime

import pytest

from campaigns.model.condition import Comparison, Op
from campaigns.model.ids import SUBSCRIBER_END
from campaigns.model.target import Among, Everyone, ExternalIds, Meeting, Subscribers, Tagged
from campaigns.store import windows
from campaigns.store.windows import ANYWHERE, InZones, Window, read_window, window_length
from tests.harness.audiences import add_site, add_subscribers, subscribers_of

ALL = Window(0, SUBSCRIBER_END, 1000)


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        yield lent


@pytest.fixture
async def site(connection):
    """A site with 30 subscribers, beside another one's."""
    other = await add_site(connection, key="other")
    await add_subscribers(connection, other, 30, first=5, key="other")
    number = await add_site(connection)
    await add_subscribers(connection, number, 30)
    return number


async def found(connection, site, target=None, zones=ANYWHERE, window=ALL):
    """Whom a window finds, by their places among the site's subscribers."""
    places = {number: place for place, number in enumerate(await subscribers_of(connection, site))}
    rows = await read_window(connection, site, target or Everyone(), zones, window)
    return [places[row["id"]] for row in rows]


async def test_everyone_in_the_order_of_ids(connection, site):
    assert await found(connection, site) == [*range(30)]


async def test_a_window_begins_with_its_first_id_and_ends_before_its_last(connection, site):
    ids = await subscribers_of(connection, site)
    assert await found(connection, site, window=Window(ids[3], ids[9], 1000)) == [*range(3, 9)]
    assert await found(connection, site, window=Window(ids[3] + 1, ids[9] + 1, 4)) == [*range(4, 8)]


async def test_whoever_cannot_be_sent_to_is_left_out(connection, site):
    ids = await subscribers_of(connection, site)
    for status, number in zip(("unsubscribed", "expired", "bounced", "off"), ids, strict=False):
        await connection.execute("UPDATE subscriber SET status = $2 WHERE id = $1", number, status)
    for column, number in zip(("endpoint", "p256dh", "auth", "vapid_key"), ids[4:], strict=False):
        await connection.execute(f"UPDATE subscriber SET {column} = NULL WHERE id = $1", number)
    assert await found(connection, site) == [*range(8, 30)]


async def test_each_kind_of_target(connection, site):
    ids = await subscribers_of(connection, site)
    [stranger, *_] = await connection.fetch("SELECT id FROM subscriber WHERE site <> $1", site)
    await connection.executemany(
        "INSERT INTO subscriber_key (site, kind, value, subscriber) VALUES ($1, $2, $3, $4)",
        [
            (site, "external_id", "ann", ids[4]),
            (site, "external_id", "ann", ids[2]),
            (site, "hwid", "bob", ids[7]),
        ],
    )
    tagged = [n for n in range(30) if n % 10 == 0]
    assert await found(connection, site, Tagged(("vip", "none"))) == tagged
    assert await found(connection, site, Subscribers((ids[9], ids[1], stranger["id"], 12345))) == [1, 9]
    assert await found(connection, site, ExternalIds(("ann", "bob"))) == [2, 4]
    german = Meeting(Comparison("language", Op.EQ, "de"))
    assert await found(connection, site, german) == [n for n in range(30) if n % 3 == 0]
    named = Among(Subscribers(tuple(ids[:7])), german.condition)
    assert await found(connection, site, named) == [0, 3, 6]
    assert await found(connection, site, Among(ExternalIds(("ann",)), german.condition)) == []
    late = Meeting(Comparison("created_at", Op.GT, datetime(2999, 1, 1, tzinfo=UTC)))
    assert await found(connection, site, late) == []


async def test_attributes_come_last_and_only_if_they_are_wanted(connection, site):
    [row, *_] = await read_window(connection, site, Everyone(), ANYWHERE, ALL)
    [without, *_] = await read_window(connection, site, Everyone(), ANYWHERE, ALL, attributes=False)
    assert [*row.keys()] == [*without.keys(), "attributes"]
    assert (tuple(row)[:-1], row["attributes"]["n"]) == (tuple(without), 0)


async def test_zones_and_everywhere_else(connection, site):
    berlin, elsewhere = InZones(("Europe/Berlin",)), InZones(("Europe/Berlin", "Asia/Tokyo"), elsewhere=True)
    assert await found(connection, site, zones=berlin) == [n for n in range(30) if n % 3 == 0]
    assert await found(connection, site, zones=elsewhere) == [n for n in range(30) if n % 3]


async def test_a_window_is_as_long_as_it_takes_to_look_at_so_many_subscribers(connection, site, monkeypatch):
    assert await window_length(connection, site, Everyone()) == SUBSCRIBER_END
    monkeypatch.setattr(windows, "SCANNED", 10)
    assert await window_length(connection, site, Everyone()) == SUBSCRIBER_END // 3
    assert await window_length(connection, site, Subscribers((1,))) == SUBSCRIBER_END
    empty = await add_site(connection, key="empty")
    assert await window_length(connection, empty, Everyone()) == SUBSCRIBER_END


async def test_a_window_reads_an_index_of_each_partition_and_sorts_nothing(connection, site):
    await connection.execute("ANALYZE subscriber")
    statement = windows.window_sql("true", "true")
    await connection.execute("SET enable_seqscan = off")
    rows = await connection.fetch(f"EXPLAIN {statement}", site, *ALL)
    plan = "\n".join(row[0] for row in rows)
    assert "Merge Append" in plan
    assert "Sort Key" in plan
    assert "  Sort  " not in plan
    assert plan.count("Index Scan") == 16
