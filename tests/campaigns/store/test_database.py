"""The pool: what every connection is told, and that a lost database is one error without the password."""

import asyncio
import os
import signal
import traceback

import asyncpg
import pytest

from campaigns.embedded_postgres import EmbeddedPostgres
from campaigns.store.database import Database, DatabaseAwayError, DatabaseUrlError, connect
from tests.harness.postgresql import NEWEST, OLDEST
from tests.harness.worker_process import free_port

VERSIONS = pytest.mark.parametrize("postgresql_version", [OLDEST, NEWEST])


@VERSIONS
async def test_every_connection_has_bounds(database_url):
    async with Database(database_url, statement_seconds=5) as database, database.connection() as connection:
        assert await connection.fetchval("SHOW statement_timeout") == "5s"
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "10s"
        assert await connection.fetchval("SHOW timezone") == "UTC"


@VERSIONS
@pytest.mark.parametrize("value", [None, True, 7, 0.5, "é\n", [1, "a"], {"a": {"b": []}}])
async def test_jsonb_is_a_value(database, value):
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT $1::jsonb", value) == value


async def test_a_transaction_is_kept_or_rolled_back(database):
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE kept (number integer)")

    async def fail():
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO kept VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM kept") == 0


async def test_a_connection_is_given_back_without_another_word_to_the_server(database):
    async with database.connection() as connection:
        pid = await connection.fetchval("SELECT pg_backend_pid()")
    other = await connect(database._url)
    try:
        statement = "SELECT query FROM pg_stat_activity WHERE pid = $1"
        assert await other.fetchval(statement, pid) == "SELECT pg_backend_pid()"
    finally:
        await other.close()


async def test_connections_are_counted(database):
    assert database.connections == {"idle": 0, "used": 0}
    async with database.connection():
        assert database.connections == {"idle": 0, "used": 1}
    assert database.connections == {"idle": 1, "used": 0}


async def test_mistakes_in_sql_are_not_taken_for_an_outage(database):
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.connection() as connection:
            await connection.execute("SELECT * FROM nowhere")


@VERSIONS
@pytest.mark.parametrize(
    ("statement", "values", "said"),
    [
        ("INSERT INTO known VALUES ($1)", ["ada@mail.example"], "duplicate key value violates"),
        ("SELECT $1::text::integer", ["ada@mail.example"], "SQLSTATE 22P02"),
        ("SELECT $1::text", ["ada@mail.example\0"], "SQLSTATE 22021"),
        ("SELECT $1::integer", ["ada@mail.example"], "SQLSTATE 22000"),
    ],
    ids=["a row that is there", "no number", "a character", "another type"],
)
async def test_no_error_quotes_a_value(database, statement, values, said):
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE known (value text PRIMARY KEY)")
        await connection.execute("INSERT INTO known VALUES ('ada@mail.example')")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as told:
        async with database.transaction() as connection:
            await connection.execute(statement, *values)
    shown = "".join(traceback.format_exception(told.value)).partition("asyncpg.exceptions.")[2]
    assert said in shown
    assert "ada@mail.example" not in shown


# ── a lost database ─────────────────────────────────────────────────────────────────────────────────────────


async def use(database, statement="SELECT 1"):
    async with database.connection() as connection:
        return await connection.fetchval(statement)


async def away(database, statement="SELECT 1"):
    with pytest.raises(DatabaseAwayError) as lost:
        await use(database, statement)
    assert "\n" not in str(lost.value)
    assert "hunter2" not in repr(lost.value)
    return str(lost.value)


async def test_nobody_listens():
    port = free_port()
    url = f"postgresql://someone:hunter2@127.0.0.1:{port}/any"
    async with Database(url) as database:
        told = await away(database)
        with pytest.raises(DatabaseAwayError, match="PUSHMILL_CAMPAIGNS_DATABASE_URL"):
            await connect(url)
    assert "Connect call failed" in told
    assert told.endswith(f" (127.0.0.1:{port}/any, from PUSHMILL_CAMPAIGNS_DATABASE_URL)")


async def test_a_user_who_may_not_come_in_is_not_named(database_url):
    stranger = database_url.replace("//pushmill@", "//someone@", 1)
    async with Database(stranger) as database:
        told = await away(database)
    assert "does not let this user in" in told
    assert "someone" not in told


async def test_a_host_that_there_is_not():
    async with Database("postgresql://someone:hunter2@no-host.invalid/any") as database:
        assert "cannot be used" in await away(database)


async def test_a_database_that_there_is_not(postgresql_servers):
    async with Database(postgresql_servers.databases().url_of("nowhere")) as database:
        assert 'database "nowhere" does not exist' in await away(database)


async def test_a_database_that_takes_no_connections(postgresql_servers):
    databases = postgresql_servers.databases()
    name = await databases.create(migrated=False)
    server = await connect(databases.url_of("postgres"))
    try:
        await server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        async with Database(databases.url_of(name)) as database:
            assert "not currently accepting connections" in await away(database)
    finally:
        await server.close()
        await databases.drop(name)


FATAL = b"SFATAL\0C57P02\0Mterminating connection because of crash of another server process\0\0"


def end(connection):
    """Let a connection hear that the server ends it, as it does just before it is closed."""
    connection._con._protocol.data_received(b"E" + (4 + len(FATAL)).to_bytes(4) + FATAL)


async def test_a_server_that_has_just_ended_a_connection_which_nobody_used(database):
    async def use_it():
        async with database.connection() as connection:
            end(connection)
            await connection.execute("SELECT 1")

    with pytest.raises(DatabaseAwayError, match="was lost"):
        await use_it()
    assert await use(database) == 1


async def test_a_server_that_ends_a_connection_amid_a_transaction(database):
    async def use_it():
        async with database.transaction() as connection:
            end(connection)
            await connection.execute("SELECT 1")

    with pytest.raises(DatabaseAwayError, match="was lost"):
        await use_it()
    assert await use(database) == 1


async def test_a_server_that_ends_a_connection_whose_work_is_done(database):
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
        end(connection)
    with pytest.raises(DatabaseAwayError, match="was lost"):  # whoever is next hears of it, and nobody after
        await use(database)
    assert await use(database) == 1


async def test_a_server_that_closes_the_connection_at_once():
    async def close(_reader, writer):
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"postgresql://someone:hunter2@127.0.0.1:{port}/any?sslmode=disable"
    async with server, Database(url) as database:
        await away(database)


async def test_a_server_that_never_answers(monkeypatch):
    monkeypatch.setattr("campaigns.store.database.CONNECT_SECONDS", 0.05)
    ended = asyncio.Event()

    async def wait(_reader, writer):
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"postgresql://someone:hunter2@127.0.0.1:{port}/any?sslmode=disable"
    async with server, Database(url) as database:
        assert (await away(database)).startswith("the database does not answer in time (127.0.0.1:")
        with pytest.raises(DatabaseAwayError):
            await connect(url)
        ended.set()


async def test_a_session_that_is_ended_from_outside(database):
    assert "terminating connection" in await away(database, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert await use(database) == 1


async def test_a_statement_that_takes_too_long(database_url):
    async with Database(database_url, statement_seconds=0.05) as database:
        assert "statement timeout" in await away(database, "SELECT pg_sleep(60)")
        assert await use(database) == 1


async def test_too_many_connections(database, database_url):
    role = f"limited_{os.getpid()}"
    limited = database_url.replace("//pushmill@", f"//{role}@", 1)
    await use(database, f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")
    async with Database(limited) as first, Database(limited) as second, first.connection():
        assert "too many connections" in await away(second)
    await use(database, f"DROP ROLE {role}")


async def test_two_who_wait_for_each_other(database):
    met = asyncio.Barrier(2)

    async def lock(first, then):
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", first)
            await met.wait()
            await connection.execute("SELECT pg_advisory_xact_lock($1)", then)

    one, two = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    [lost] = filter(None, (one, two))
    assert isinstance(lost, DatabaseAwayError)
    assert "deadlock" in str(lost)


async def test_a_pool_that_is_used_up(database_url, monkeypatch):
    monkeypatch.setattr("campaigns.store.database.CONNECT_SECONDS", 0.05)
    async with Database(database_url, size=1) as database, database.connection():
        assert (await away(database)).startswith("the database does not answer in time (")


async def test_a_server_that_is_killed_in_the_middle_of_a_transaction(postgresql_servers):
    async def lose(database, pid):
        async with database.transaction() as connection:
            await connection.execute("CREATE TABLE lost ()")
            os.kill(pid, signal.SIGKILL)
            await connection.execute("SELECT pg_sleep(60)")

    folder = postgresql_servers.folder / "killed"
    async with EmbeddedPostgres(folder, durable=False) as server, Database(server.url) as database:
        with pytest.raises(DatabaseAwayError):
            await lose(database, server.pid)
        await away(database)


@pytest.mark.parametrize("url", ["mysql://someone:hunter2@host/any", "postgresql://someone@x:hunter2/any"])
async def test_a_url_that_cannot_be_read(url):
    async with Database(url) as database:
        for opening in (use(database), connect(url)):
            with pytest.raises(DatabaseUrlError) as told:
                await opening
            assert "hunter2" not in str(told.value)
            assert told.value.__cause__ is None


async def test_whose_transaction_is_in_anothers_way_may_try_again(database):
    """Two transactions that wait for each other: PostgreSQL ends one of them."""
    both = asyncio.Barrier(2)

    async def lock(*keys: int) -> None:
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", keys[0])
            await both.wait()
            await connection.execute("SELECT pg_advisory_xact_lock($1)", keys[1])

    ends = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    assert [type(each) for each in ends if each] == [DatabaseAwayError]
    assert ends.count(None) == 1
