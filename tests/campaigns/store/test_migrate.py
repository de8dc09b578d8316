"""Migrations: each once and in order, whoever else tries; and which schemas a release works with."""

import asyncio
import os
from datetime import date
from urllib.parse import urlsplit, urlunsplit

import pytest

from campaigns.store import migrate as module
from campaigns.store.database import Database, connect
from campaigns.store.engagement import add_months
from campaigns.store.migrate import Migration, SchemaError, check_schema, migrate, own_migrations, parse
from tests.harness.postgresql import NEWEST, OLDEST
from tests.harness.waiting import GENEROUS

VERSIONS = pytest.mark.parametrize("postgresql_version", [OLDEST, NEWEST])
HEADER = "-- oldest release: 0.1.0\n"


@pytest.fixture
async def empty_url(postgresql_servers, postgresql_version):
    """The URL of a database without any table."""
    databases = postgresql_servers.databases(postgresql_version)
    name = await databases.create(migrated=False)
    yield databases.url_of(name)
    await databases.drop(name)


@pytest.fixture
async def owners_url(empty_url):
    """The same, for a user who owns that database and may do nothing else on the server."""
    parts = urlsplit(empty_url)
    name, role = parts.path.removeprefix("/"), f"owner_{os.getpid()}"
    await ask(empty_url, f"CREATE ROLE {role} LOGIN PASSWORD 'of-the-owner'")
    await ask(empty_url, f'ALTER DATABASE "{name}" OWNER TO {role}')
    host = parts.netloc.rpartition("@")[2]
    yield urlunsplit(parts._replace(netloc=f"{role}:of-the-owner@{host}"))
    for statement in ("REASSIGN OWNED BY {} TO CURRENT_USER", "DROP OWNED BY {}", "DROP ROLE {}"):
        await ask(empty_url, statement.format(role))


def files(*texts):
    return [parse(f"{number:04}_of_a_test.sql", HEADER + text) for number, text in enumerate(texts, 1)]


async def ask(url, statement):
    connection = await connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@VERSIONS
async def test_the_whole_schema_is_made_once(empty_url):
    assert await migrate(empty_url) == own_migrations()
    assert await migrate(empty_url) == []
    assert await ask(empty_url, "SELECT count(*) FROM slot") == 16
    assert (
        await ask(empty_url, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'subscriber'::regclass")
        == 16
    )
    async with Database(empty_url) as database, database.connection() as connection:
        await check_schema(connection)


@VERSIONS
async def test_whoever_owns_the_database_needs_no_other_right(owners_url):
    assert await ask(owners_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert await migrate(owners_url) == own_migrations()
    async with Database(owners_url) as database, database.connection() as connection:
        await add_months(connection, [date(2031, 5, 1), date(2031, 6, 1)])


async def test_a_file_is_applied_whole_or_not_at_all(empty_url):
    last = "CREATE TABLE three ();"
    first, *_ = broken = files("CREATE TABLE one ();", "CREATE TABLE two (); SELECT 1 / 0;", last)
    with pytest.raises(Exception, match="division by zero"):
        await migrate(empty_url, broken)
    assert await ask(empty_url, "SELECT array_agg(number) FROM migration") == [1]
    assert await ask(empty_url, "SELECT to_regclass('two')") is None
    mended = [first, *files("", "CREATE TABLE two ();", last)[1:]]
    assert await migrate(empty_url, mended) == mended[1:]


async def test_two_at_once_apply_each_file_once(empty_url):
    wanted = files("CREATE TABLE one (); SELECT pg_sleep(0.1);", "CREATE TABLE two ();")
    done = await asyncio.gather(*(migrate(empty_url, wanted) for _ in range(3)))
    assert sorted(done, key=len) == [[], [], wanted]


INDEX = """
-- concurrently
DROP INDEX CONCURRENTLY IF EXISTS by_number;
-- concurrently
CREATE UNIQUE INDEX CONCURRENTLY by_number ON counted (number);
"""


async def until_running(url, statement):
    async with asyncio.timeout(GENEROUS):
        running = f"SELECT count(*) FROM pg_stat_activity WHERE ltrim(query, E'\\n') LIKE '{statement}'"
        while not await ask(url, running):  # noqa: ASYNC110 - PostgreSQL announces nothing
            await asyncio.sleep(0)


async def test_an_index_is_built_while_others_write_and_while_others_wait_to_migrate(empty_url):
    table, index = files("CREATE TABLE counted AS SELECT generate_series(1, 3) AS number;", INDEX)
    await migrate(empty_url, [table])
    writing = await connect(empty_url)
    transaction = writing.transaction()
    await transaction.start()
    await writing.execute("INSERT INTO counted VALUES (4)")
    building = [asyncio.create_task(migrate(empty_url, [table, index])) for _ in range(2)]
    for statement in ("CREATE UNIQUE INDEX%", "SELECT pg_try_advisory_lock%"):
        await until_running(empty_url, statement)
    assert not any(task.done() for task in building)
    await transaction.commit()
    await writing.close()
    assert sorted(await asyncio.gather(*building)) == [[], [index]]


async def test_an_index_that_failed_is_built_again(empty_url):
    table, index = files("CREATE TABLE counted AS SELECT generate_series(1, 3) % 2 AS number;", INDEX)
    with pytest.raises(Exception, match="could not create unique index"):
        await migrate(empty_url, [table, index])
    await ask(
        empty_url, "DELETE FROM counted WHERE ctid <> ALL (SELECT min(ctid) FROM counted GROUP BY number)"
    )
    assert await migrate(empty_url, [table, index]) == [index]
    assert await ask(empty_url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_number'::regclass")


async def test_a_table_that_stays_locked_is_told(empty_url, monkeypatch):
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)
    table, column = files("CREATE TABLE counted ();", "ALTER TABLE counted ADD number integer;")
    await migrate(empty_url, [table])
    async with Database(empty_url) as database, database.transaction() as connection:
        await connection.execute("LOCK TABLE counted IN ACCESS SHARE MODE")
        with pytest.raises(SchemaError, match="migration 2 needs a table that was locked"):
            await migrate(empty_url, [table, column])


# ── which schemas a release works with ──────────────────────────────────────────────────────────────────────


async def checked(url):
    async with Database(url) as database, database.connection() as connection:
        await check_schema(connection)


async def test_an_older_schema_is_refused(empty_url):
    with pytest.raises(SchemaError, match="run `pushmill campaigns migrate`"):
        await checked(empty_url)


@pytest.mark.parametrize(
    ("oldest", "fits"), [("0.0.9", True), ("0.10.0", False), ("1.0.0", False), ("THIS", True)]
)
async def test_a_newer_schema_says_who_works_with_it(database_url, oldest, fits):
    oldest = oldest.replace("THIS", module.version("pushmill"))
    await ask(database_url, f"INSERT INTO migration VALUES (9999, 'of_tomorrow', '{oldest}')")
    for checking in (checked(database_url), migrate(database_url)):
        if fits:
            await checking
        else:
            with pytest.raises(SchemaError, match=f"needs release {oldest} or newer"):
                await checking


async def test_another_program_s_database_is_refused(database_url):
    await ask(database_url, "UPDATE migration SET name = 'something_else' WHERE number = 1")
    with pytest.raises(SchemaError, match="migration 1 is something_else, not initial"):
        await migrate(database_url)


@pytest.mark.parametrize("ask_for", [checked, migrate])
async def test_an_old_server_is_refused(database_url, monkeypatch, ask_for):
    monkeypatch.setattr(module, "OLDEST_POSTGRESQL", 99)
    with pytest.raises(SchemaError, match=r"the database is PostgreSQL \d+: 99 or newer is needed"):
        await ask_for(database_url)


# ── the files ───────────────────────────────────────────────────────────────────────────────────────────────


def test_numbers_follow_one_another():
    assert [migration.number for migration in own_migrations()] == list(range(1, len(own_migrations()) + 1))


def test_a_file_in_one_transaction():
    read = parse("0002_more.sql", HEADER + "SELECT 1;\nSELECT 2;\n")
    assert read == Migration(2, "more", "0.1.0", ("SELECT 1;\nSELECT 2;\n",), concurrent=False)


def test_a_file_with_steps_of_their_own():
    read = parse("0002_more.sql", HEADER + "-- Why.\n" + INDEX)
    assert read.concurrent
    assert [statement.split()[0] for statement in read.statements] == ["DROP", "CREATE"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("2_more.sql", HEADER),
        ("0002_More.sql", HEADER),
        ("0002_more.sql", "SELECT 1;"),
        ("0002_more.sql", "-- oldest release: soon\n"),
        ("0002_more.sql", HEADER + "CREATE TABLE one ();\n" + INDEX),
    ],
)
def test_a_file_of_another_form_is_refused(name, text):
    with pytest.raises(ValueError, match=name):
        parse(name, text)
